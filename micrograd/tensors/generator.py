"""Random numbers: from Python's `random`, until `manual_seed`; then they are torch's.

Python's generator and torch's (on the CPU) are both the Mersenne twister mt19937; `manual_seed(n)`
puts one of Python's where torch's is after `torch.manual_seed(n)`, and floats, normal numbers,
whole numbers and permutations are made of its 32-bit words as torch makes them. So `rand`, `randn`,
`randint`, `randperm`, initial parameters and the order of a DataLoader are those of torch. Before
the first `manual_seed`, words come from `random`, and `random.seed` repeats them. torch's
masks of dropout, Bernoulli and exponential numbers come from another library and are not repeated
here: these have the same distribution only.

Sources: Matsumoto and Nishimura 1998; the behaviour of torch 2.13 on the CPU.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.dtypes import get_default_dtype

Floats = NDArray[np.float64]

_WORDS = 624  # of the twister's state
_BLOCK = 16  # as many normal numbers are made at once


class _Source(Protocol):
    def getrandbits(self, k: int, /) -> int: ...
    def getstate(self) -> Any: ...
    def setstate(self, state: Any, /) -> None: ...


def _seeded(n: SupportsIndex) -> Any:
    """The state of the twister after torch was seeded with n, as `random.setstate` takes it."""
    try:
        seed = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"n must be a whole number, got {n!r:.80}") from None
    if not -(2**63) <= seed < 2**64:
        raise ArgumentValueError(f"n must be a whole number of 64 bits, got {seed}")
    words: Any = np.random.MT19937()
    words._legacy_seeding(seed & 0xFFFFFFFF)
    words = words.state["state"]["key"]
    return (3, (*map(int, words), _WORDS), None)


class Generator:
    """A stream of random numbers of its own; `Generator().manual_seed(n)`, as in torch.

    >>> from micrograd import rand
    >>> rand(2, generator=Generator().manual_seed(42))
    tensor([0.8823, 0.9150])
    """

    def __init__(self, device: Any = "cpu", *, source: _Source | None = None) -> None:
        self._source: _Source = random.Random(0) if source is None else source
        self._seed = 67280421310721  # torch's, before another is given
        self._rest: float | None = None  # a normal number that was made with another
        self._left: Any = None  # where it was after its last draw, if there is such a number
        if source is None:
            self.manual_seed(self._seed)

    def manual_seed(self, n: SupportsIndex) -> Generator:
        """Start again from n, with a stream of its own; returns the generator."""
        state = _seeded(n)
        if self._source is random:
            self._source = random.Random()
        self._source.setstate(state)
        self._seed, self._rest = operator.index(n), None
        return self

    def initial_seed(self) -> int:
        """What it was seeded with last."""
        return self._seed

    def seed(self) -> int:
        """Start from a seed that the system draws, and return it."""
        drawn = random.SystemRandom().getrandbits(63)
        self.manual_seed(drawn)
        return drawn

    def get_state(self) -> Any:
        """Where it is, for `set_state`."""
        return self._source.getstate(), self._rest, self._left

    def set_state(self, state: Any) -> None:
        """Go back to where it was."""
        try:
            source, rest, left = state
            self._source.setstate(source)
        except (TypeError, ValueError, OverflowError):
            raise ArgumentTypeError(
                f"state must be what get_state() returned, got {state!r:.80}"
            ) from None
        self._rest, self._left = rest, left

    # ---- numbers -------------------------------------------------------------------------------

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        # The number that is left over is for this stream: not if it was seeded from outside.
        if self._rest is not None and self._left != self._source.getstate():
            self._rest = None
        yield
        if self._rest is not None:
            self._left = self._source.getstate()

    def word(self) -> int:
        """32 random bits."""
        return self._source.getrandbits(32)

    def double_word(self) -> int:
        """64 random bits."""
        high = self.word()
        return high << 32 | self.word()

    def uniform(self, bits: int) -> float:
        """A float from [0, 1) of 24 bits (as float32) or 53 (as float64)."""
        if bits == 24:
            return (self.word() & 0xFFFFFF) * 2.0**-24
        return (self.double_word() & (1 << 53) - 1) * 2.0**-53

    def uniforms(self, n: int, low: float = 0.0, high: float = 1.0, dtype: Any = None) -> Floats:
        """Floats from [low, high)."""
        bits = _bits(dtype)
        with self._drawing():
            numbers = np.array([self.uniform(bits) for _ in range(n)], np.float64)
        if bits == 24:
            span = np.float32(np.float32(high) - np.float32(low))
            return (numbers.astype(np.float32) * span + np.float32(low)).astype(np.float64)
        return numbers * (high - low) + low

    def normals(self, n: int, dtype: Any = None) -> Floats:
        """Floats from N(0, 1): Box and Muller's, in pairs or in blocks, as torch makes them."""
        bits = _bits(dtype)
        if n < _BLOCK:
            with self._drawing():
                numbers = np.array([self._normal() for _ in range(n)], np.float64)
        else:
            numbers = self.uniforms(n, dtype=dtype)
            for start in range(0, n - _BLOCK + 1, _BLOCK):
                _transform(numbers[start : start + _BLOCK])
            if n % _BLOCK:
                numbers[-_BLOCK:] = self.uniforms(_BLOCK, dtype=dtype)
                _transform(numbers[-_BLOCK:])
        return numbers.astype(np.float32).astype(np.float64) if bits == 24 else numbers

    def _normal(self) -> float:
        # Two are made at a time; the second is for the next call, unless it was seeded meanwhile.
        if self._rest is not None:
            number, self._rest = self._rest, None
            return number
        angle = 2 * math.pi * self.uniform(53)
        radius = math.sqrt(-2 * math.log1p(-self.uniform(53)))
        self._rest = radius * math.sin(angle)
        return radius * math.cos(angle)

    def integers(self, n: int, low: int, high: int) -> NDArray[np.int64]:
        """Whole numbers from low to below high."""
        span = high - low
        draw = self.word if span < 2**32 else self.double_word
        with self._drawing():
            return np.array([low + draw() % span for _ in range(n)], np.int64)

    def permutation(self, n: int) -> list[int]:
        """The numbers from 0 to below n in a random order."""
        order = list(range(n))
        with self._drawing():
            for i in range(n - 1):
                j = i + self.word() % (n - i)
                order[i], order[j] = order[j], order[i]
        return order

    def seed_word(self) -> int:
        """What torch seeds another generator with: 63 bits."""
        with self._drawing():
            return self.double_word() % 2**63


def _bits(dtype: Any) -> int:
    return 53 if getattr(dtype or get_default_dtype(), "bits", 64) == 64 else 24


def _transform(block: Floats) -> None:
    """Sixteen uniform numbers made normal, the first with the ninth and so on."""
    half = _BLOCK // 2
    radius = np.sqrt(-2 * np.log(1 - block[:half]))
    angle = 2 * math.pi * block[half:]
    block[:half], block[half:] = radius * np.cos(angle), radius * np.sin(angle)


DEFAULT = Generator(source=random)


def follow_python() -> None:
    """Draw from Python's `random` again, as before the first `manual_seed`."""
    DEFAULT._source, DEFAULT._rest = random, None


def manual_seed(n: SupportsIndex) -> Generator:
    """Seed all random numbers; the stream that follows is torch's. Python's `random` is seeded too.

    Raises an ArgumentTypeError unless `n` is a whole number.

    >>> from micrograd import manual_seed, rand
    >>> _ = manual_seed(42)
    >>> rand(2)
    tensor([0.8823, 0.9150])
    """
    DEFAULT.manual_seed(n)
    random.seed(operator.index(n))
    return DEFAULT


def initial_seed() -> int:
    """What `manual_seed` was last given."""
    return DEFAULT.initial_seed()


def seed() -> int:
    """Seed all random numbers with what the system draws; returns it."""
    return DEFAULT.seed()


def get_rng_state() -> Any:
    """Where all random numbers are, for `set_rng_state`: plain data, which `save` writes, too.

    >>> from micrograd import get_rng_state, rand, set_rng_state
    >>> state = get_rng_state()
    >>> first = rand(2)
    >>> set_rng_state(state)
    >>> bool((rand(2) == first).all())
    True
    """
    return DEFAULT.get_state()


def set_rng_state(new_state: Any) -> None:
    """Go back to where random numbers were."""
    DEFAULT.set_state(new_state)
