"""What kind of numbers an array holds: floats (float64, all of them), whole numbers, truth values.

torch's other names for floats and whole numbers are accepted and mean these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd.errors import ArgumentTypeError, ArgumentValueError

FLOAT, INTEGER, TRUTH = "f", "i", "b"
ORDER = (TRUTH, INTEGER, FLOAT)  # of two kinds an operation has the later one


class DType:
    """A name that torch has for a kind of numbers.

    >>> float64, int64.is_floating_point
    (torch.float64, False)
    """

    __slots__ = ("bits", "kind", "name")

    def __init__(self, name: str, kind: str, bits: int) -> None:
        self.name = name
        self.kind = kind
        self.bits = bits

    @property
    def is_floating_point(self) -> bool:
        """Whether it is a kind of floats."""
        return self.kind == FLOAT

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


float64, float32 = DType("float64", FLOAT, 64), DType("float32", FLOAT, 32)
float16, bfloat16 = DType("float16", FLOAT, 16), DType("bfloat16", FLOAT, 16)
int64, int32, int16 = (DType(f"int{n}", INTEGER, n) for n in (64, 32, 16))
int8, uint8 = DType("int8", INTEGER, 8), DType("uint8", INTEGER, 8)
bool_ = DType("bool", TRUTH, 8)

KEPT = {FLOAT: float64, INTEGER: int64, TRUTH: bool_}
NUMPY: dict[str, type] = {FLOAT: np.float64, INTEGER: np.int64, TRUTH: np.bool_}
TITLES = {FLOAT: "Double", INTEGER: "Long", TRUTH: "Bool"}  # as torch's errors have them
_OF_PYTHON: dict[Any, str] = {float: FLOAT, int: INTEGER, bool: TRUTH}

_default = [float32]


def set_default_dtype(dtype: DType) -> None:
    """Which of torch's streams of random floats `rand`, `randn` and initial parameters follow.

    Numbers are float64 whatever it is. After `manual_seed`, torch draws other numbers as float32
    (the default, here as there) than as float64. Raises an ArgumentTypeError for what is no dtype
    of floats.

    >>> set_default_dtype(float64)
    >>> get_default_dtype()
    torch.float64
    >>> set_default_dtype(float32)
    """
    if not isinstance(dtype, DType) or dtype not in (float32, float64):
        raise ArgumentTypeError(f"dtype must be float32 or float64, got {dtype!r:.80}")
    _default[0] = dtype


def get_default_dtype() -> DType:
    """What `set_default_dtype` was given."""
    return _default[0]


def kind_of(dtype: Any) -> str:
    """The kind that a dtype stands for: ours, NumPy's, Python's types, or a name."""
    if isinstance(dtype, DType):
        return dtype.kind
    if dtype in _OF_PYTHON:
        return _OF_PYTHON[dtype]
    try:
        kind = np.dtype(dtype).kind
    except TypeError:
        kind = ""
    if kind not in ("f", "i", "u", "b"):
        raise ArgumentTypeError(
            f"dtype must be a kind of floats, whole numbers or truth values, got {dtype!r:.80}"
        )
    return INTEGER if kind == "u" else kind


def joined(*kinds: str) -> str:
    """The kind of the result of an operation on numbers of these kinds."""
    return max(kinds, key=ORDER.index)


class Size(tuple[int, ...]):
    """A shape; a tuple that prints as torch's does.

    >>> Size((2, 3)), Size((2, 3)).numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of an array of that shape."""
        return int(np.prod(self, dtype=np.int64))

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(repr, self))}])"


class Device:
    """Where numbers are: on the CPU.

    Raises an ArgumentValueError for other devices: say `"cuda" if cuda.is_available() else "cpu"`.

    >>> Device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any, index: int | None = None) -> None:
        name = str(type)
        if name.partition(":")[0] != "cpu":
            raise ArgumentValueError(
                f"device must be 'cpu', got {name!r}: write "
                "torch.device('cuda' if torch.cuda.is_available() else 'cpu')"
            )
        self.type: str = "cpu"
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device | str) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self.type)

    def __str__(self) -> str:
        return self.type

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"


CPU = Device("cpu")
