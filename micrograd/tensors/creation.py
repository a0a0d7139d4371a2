"""New arrays: of a shape and a number, of a range, of random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.dtypes import FLOAT, INTEGER, TRUTH, Device, kind_of
from micrograd.tensors.elements import numbers_as_leaves
from micrograd.tensors.generator import DEFAULT, Generator
from micrograd.tensors.shapes import sizes_of
from micrograd.tensors.tensor import Tensor, tensor


def _made(
    numbers: Any, kind: str, requires_grad: bool = False, device: Any = None, **named: Any
) -> Tensor:
    if device is not None:
        Device(device)
    unknown = named.keys() - {"out", "layout", "pin_memory", "memory_format"}
    if unknown:
        raise ArgumentTypeError(f"unknown argument {unknown.pop()!r}")
    made = Tensor._plain(numbers_as_leaves(numbers), kind)
    return made.requires_grad_() if requires_grad else made


def _kind(dtype: Any, default: str = FLOAT) -> str:
    return default if dtype is None else kind_of(dtype)


def _shape(size: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    return sizes_of((named.pop("size"),) if "size" in named else size)


def zeros(*size: Any, dtype: Any = None, **named: Any) -> Tensor:
    """An array of zeros.

    >>> zeros(2, 2)
    tensor([[0., 0.],
            [0., 0.]])
    """
    return _made(np.zeros(_shape(size, named)), _kind(dtype), **named)


def ones(*size: Any, dtype: Any = None, **named: Any) -> Tensor:
    """An array of ones."""
    return _made(np.ones(_shape(size, named)), _kind(dtype), **named)


def empty(*size: Any, dtype: Any = None, **named: Any) -> Tensor:
    """An array to be filled; here it holds zeros."""
    return zeros(*size, dtype=dtype, **named)


def full(size: Any, fill_value: Any, *, dtype: Any = None, **named: Any) -> Tensor:
    """An array of one number.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    sort = type(fill_value)
    kind = TRUTH if sort is bool else INTEGER if sort is int else FLOAT
    number = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    return _made(np.full(sizes_of((size,)), number),
                 _kind(dtype, kind), **named)  # fmt: skip


def eye(n: int, m: int | None = None, *, dtype: Any = None, **named: Any) -> Tensor:
    """A matrix with ones on its diagonal."""
    return _made(np.eye(n, m), _kind(dtype), **named)


def arange(*bounds: Any, dtype: Any = None, **named: Any) -> Tensor:
    """The numbers from `start` (0) to below `end` in steps of `step` (1).

    >>> arange(3), arange(0, 1, 0.25)
    (tensor([0, 1, 2]), tensor([0.0000, 0.2500, 0.5000, 0.7500]))
    """
    if "end" in named:
        start, end = named.pop("start", 0), named.pop("end")
        bounds = (start, end, named.pop("step", 1))
    start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    numbers = [x.item() if isinstance(x, Tensor) else x for x in (start, end, step)]
    if not numbers[2]:
        raise ArgumentValueError("step must not be 0")
    whole = all(isinstance(x, int | np.integer) for x in numbers)
    count = max(0, math.ceil((numbers[1] - numbers[0]) / numbers[2]))
    return _made(numbers[0] + np.arange(count) * numbers[2],
                 _kind(dtype, INTEGER if whole else FLOAT), **named)  # fmt: skip


def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, **named: Any) -> Tensor:
    """`steps` numbers from `start` to `end`, both with it, equally far apart.

    >>> linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    low, high = float(start), float(end)
    if steps < 2:
        return _made([low] * steps, _kind(dtype), **named)
    step = (high - low) / (steps - 1)  # from both ends to the middle, as torch does it
    k = np.arange(steps)
    numbers = np.where(k < steps // 2, low + step * k, high - step * (steps - 1 - k))
    return _made(numbers, _kind(dtype), **named)


def logspace(start: float, end: float, steps: int, base: float = 10.0, **named: Any) -> Tensor:
    """`steps` numbers from base^start to base^end, each the same factor larger."""
    return _made(base ** linspace(start, end, steps)._known(), _kind(named.pop("dtype", None)),
                 **named)  # fmt: skip


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The array itself, or a new one of what is none."""
    return data.to(dtype or data.dtype) if isinstance(data, Tensor) else tensor(data, dtype=dtype)


def from_numpy(array: Any) -> Tensor:
    """A new array of the numbers of NumPy's; the two do not share them."""
    if not isinstance(array, np.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(array).__name__})")
    return tensor(array)


def FloatTensor(*data: Any) -> Tensor:  # noqa: N802  (the name torch users know)
    """An array of floats, under torch's older name: of the numbers, or of a shape."""
    return Tensor(*data)


def LongTensor(*data: Any) -> Tensor:  # noqa: N802
    """An array of whole numbers, under torch's older name."""
    return Tensor(*data).long()


def BoolTensor(*data: Any) -> Tensor:  # noqa: N802
    """An array of truth values, under torch's older name."""
    return Tensor(*data).bool()


def scalar_tensor(x: Any, **named: Any) -> Tensor:
    """An array without axes, of floats."""
    return tensor(float(x), **named)


# ---- random ------------------------------------------------------------------------------------


def rand(*size: Any, generator: Generator | None = None, dtype: Any = None, **named: Any) -> Tensor:
    """Numbers from [0, 1), each as likely."""
    shape = _shape(size, named)
    numbers = (generator or DEFAULT).uniforms(math.prod(shape), dtype=dtype)
    return _made(numbers.reshape(shape), FLOAT, **named)


def randn(
    *size: Any, generator: Generator | None = None, dtype: Any = None, **named: Any
) -> Tensor:
    """Numbers from the normal distribution N(0, 1)."""
    shape = _shape(size, named)
    numbers = (generator or DEFAULT).normals(math.prod(shape), dtype)
    return _made(numbers.reshape(shape), FLOAT, **named)


def randint(
    *bounds: Any, generator: Generator | None = None, dtype: Any = None, **named: Any
) -> Tensor:
    """Whole numbers from `low` (0) to below `high`: `randint(high, size)` or with `low` first."""
    given = list(bounds)
    shape = named.pop("size", None) or given.pop()
    low = named.pop("low", None)
    high = named.pop("high", None)
    if high is None:
        high = given.pop()
    low = low if low is not None else (given.pop() if given else 0)
    shape = sizes_of((shape,))
    if high <= low:
        raise ArgumentValueError(f"high must be above low, got low {low} and high {high}")
    numbers = (generator or DEFAULT).integers(math.prod(shape), int(low), int(high))
    return _made(numbers.reshape(shape), _kind(dtype, INTEGER), **named)


def randperm(n: int, *, generator: Generator | None = None, **named: Any) -> Tensor:
    """The numbers from 0 to below n in a random order."""
    return _made((generator or DEFAULT).permutation(n), _kind(named.pop("dtype", None), INTEGER),
                 **named)  # fmt: skip


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    **named: Any,
) -> Tensor:
    """Numbers from N(mean, std²); both may be arrays."""
    given = [x for x in (mean, std) if isinstance(x, Tensor)]
    shape = (
        sizes_of((size,)) if size is not None else np.broadcast_shapes(*(x.shape for x in given))
    )
    noise = (generator or DEFAULT).normals(math.prod(shape)).reshape(shape)
    return _made(noise * np.asarray(std) + np.asarray(mean), FLOAT, **named)


def bernoulli(p: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element is, else 0."""
    numbers = (generator or DEFAULT).uniforms(p.numel()).reshape(p.shape)
    return _made(numbers < p._known(), FLOAT)


def multinomial(
    probs: Tensor, num_samples: int, replacement: bool = False, *,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Indices drawn with probabilities that are as the elements of each row.

    Raises an ArgumentValueError for rows with negative numbers or without a positive one, and for
    more samples than there are positive ones without replacement.
    """
    source = generator or DEFAULT
    rows = np.atleast_2d(probs._known())
    if (rows < 0).any() or not (rows.sum(1) > 0).all() or not np.isfinite(rows).all():
        raise ArgumentValueError("probs must be numbers from 0 with a positive sum in each row")
    if not replacement and (np.count_nonzero(rows, 1) < num_samples).any():
        raise ArgumentValueError(
            "cannot draw num_samples without replacement: fewer elements are positive"
        )
    drawn = [_drawn(row.copy(), num_samples, replacement, source) for row in rows]
    return _made(drawn if probs.ndim > 1 else drawn[0], INTEGER)


def _drawn(row: Any, n: int, replacement: bool, source: Generator) -> list[int]:
    drawn = []
    for _ in range(n):
        ends = np.cumsum(row)
        k = int(np.searchsorted(ends, source.uniform(53) * ends[-1], side="right"))
        drawn.append(k)
        if not replacement:
            row[k] = 0.0
    return drawn


def _alike(make: Any) -> Any:
    """The function that makes an array of the shape of another."""

    def like(x: Tensor, *args: Any, dtype: Any = None, **named: Any) -> Tensor:
        kept = x.dtype if make not in (rand, randn) else None
        if make is full:
            return full(tuple(x.shape), *args, dtype=dtype or kept, **named)  # type: ignore[no-any-return]
        return make(*args, tuple(x.shape), dtype=dtype or kept, **named)  # type: ignore[no-any-return]

    like.__name__ = f"{make.__name__}_like"
    like.__doc__ = f"`{make.__name__}` of the shape of another array."
    return like


zeros_like, ones_like, empty_like, full_like = map(_alike, (zeros, ones, empty, full))
rand_like, randn_like, randint_like = map(_alike, (rand, randn, randint))


def _of(make: Any) -> Any:
    def new(x: Tensor, *args: Any, **named: Any) -> Tensor:
        named.setdefault("dtype", x.dtype)
        return make(*args, **named)  # type: ignore[no-any-return]

    new.__doc__ = f"`{make.__name__}` of the same kind of number."
    return new


def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Draw all elements from N(mean, std²), in place."""
    return x.copy_(normal(mean, std, tuple(x.shape), generator=generator))


def uniform_(x: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> Tensor:
    """Draw all elements from [a, b), in place."""
    numbers = (generator or DEFAULT).uniforms(x.numel(), a, b).reshape(x.shape)
    return x.copy_(_made(numbers, FLOAT))


def bernoulli_(x: Tensor, p: float = 0.5, *, generator: Any = None) -> Tensor:
    """1 with the probability p, else 0, in place."""
    return x.copy_(bernoulli(full(tuple(x.shape), float(p)), generator=generator))


def _new_tensor(x: Tensor, data: Any, **named: Any) -> Tensor:
    """`tensor` of the same kind of number."""
    return tensor(data, **{"dtype": x.dtype, **named})


def _attach() -> None:
    for make in (zeros, ones, empty, full):
        setattr(Tensor, f"new_{make.__name__}", _of(make))
    for change in (normal_, uniform_, bernoulli_):
        setattr(Tensor, change.__name__, change)
    for name, method in (("multinomial", multinomial), ("bernoulli", bernoulli)):
        setattr(Tensor, name, method)
    setattr(Tensor, "new_tensor", _new_tensor)  # noqa: B010  (for type checkers)
    FloatTensor.kind, LongTensor.kind, BoolTensor.kind = FLOAT, INTEGER, TRUTH  # type: ignore[attr-defined]


_attach()


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Grids of the coordinates that the rows hold."""
    given = tensors[0] if isinstance(tensors[0], list | tuple) else tensors
    grids = np.meshgrid(*[x._values for x in given], indexing=indexing)  # type: ignore[call-overload]
    return tuple(x._moved(grid.copy(), "Expand") for x, grid in zip(given, grids, strict=True))


def allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are equal, but for rounding."""
    return bool(np.allclose(np.asarray(a), np.asarray(b), rtol, atol, equal_nan))


def isclose(a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8) -> Tensor:
    """Whether each pair of elements is equal, but for rounding."""
    return _made(np.isclose(a._known(), b._known(), rtol, atol), TRUTH)


def equal(a: Tensor, b: Tensor) -> bool:
    """Whether shapes and elements are the same."""
    return a.shape == b.shape and bool(np.array_equal(a._known(), b._known()))


def is_tensor(x: Any) -> bool:
    """Whether it is an array of ours."""
    return isinstance(x, Tensor)
