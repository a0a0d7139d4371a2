"""Where a Value is not what was meant: `math.exp(v)`, without history, and `if v`, always true.

Said once for each place.
"""

from __future__ import annotations

import linecache
import math
import re
import sys
import warnings
from types import CodeType

from micrograd.errors import GraphWarning
from micrograd.ops import OPS

_seen: set[tuple[CodeType, int]] = set()


def warn_of_lost_graph() -> None:
    """Warn if what called `float` on a Value is a function of the module `math`."""
    frame = sys._getframe(2)  # of the caller of `__float__`
    place = frame.f_code, frame.f_lasti
    if place in _seen:
        return
    _seen.add(place)
    name = _called(*place)
    if name is not None:
        instead = f"v.{name}()" if name in OPS else "the methods of Value"
        warnings.warn(
            f"math.{name}(v) is a plain number: no gradient flows through it; write {instead}, or "
            "v.data where a number is wanted",
            GraphWarning,
            stacklevel=3,
        )


def warn_of_truth() -> None:
    """Warn that a Value that is 0 was asked whether it is true: it is, a number is not."""
    frame = sys._getframe(2)  # of the caller of `__bool__`
    place = frame.f_code, frame.f_lasti
    if place not in _seen:
        _seen.add(place)
        warnings.warn(
            "a Value is true, also one that is 0; write v.data != 0, or v is not None",
            GraphWarning,
            stacklevel=3,
        )


def _called(code: CodeType, at: int) -> str | None:
    """The name of the function of `math` that is called there, as the source has it."""
    first, _, start, _ = list(code.co_positions())[at // 2]
    if first is None:
        return None
    line = linecache.getline(code.co_filename, first).encode()
    found = re.match(r"(?:math\.)?([a-z]\w*)\(", line[start:].decode())
    return found[1] if found and hasattr(math, found[1]) else None
