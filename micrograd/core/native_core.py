"""The compiled core, where there is one for this op table: `micrograd._native`, and its Values."""

from __future__ import annotations

import os
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

from micrograd import observers, ops
from micrograd.core import notes, scalar

BUILD = "`make native` builds it in a checkout, `pip install` where there is a C compiler"
NAMES = ("as_arrays", "as_operand", "backward_from", "compute", "floats_in", "floats_into",
         "gradients_of", "home_of", "longest_paths", "make_leaf", "make_leaves", "move",
         "numbers_of", "occurrences", "owe", "packed", "packed_array", "packed_keys", "reachable",
         "record", "same_all", "same_call", "same_entries", "weighted_sum", "word_of",
         "zero_gradients")  # fmt: skip


def fingerprint() -> int:
    """A number that changes with the op table: the compiled core must have the same."""
    return zlib.crc32(Path(ops.__file__).read_bytes())


def reason() -> str:
    """Why the compiled core cannot be used; empty if it can."""
    if os.environ.get("MICROGRAD_PURE", "") not in ("", "0"):
        return "MICROGRAD_PURE is set"
    try:
        native: Any = import_module("micrograd._native")
    except ModuleNotFoundError:
        return f"no compiled core in this installation: {BUILD}"
    except ImportError as error:
        return f"the compiled core does not load: {error}"
    if fingerprint() != native.FINGERPRINT or not all(hasattr(native, name) for name in NAMES):
        return f"the compiled core was made from other sources: {BUILD}"
    return ""


def load() -> dict[str, Any]:
    """What the core gives to `engine`."""
    native: Any = import_module("micrograd._native")
    rows = [ops.OPS[name] for name in native.ROWS]
    value = native.configure(scalar.Scalar, rows, ops.BY_HAND, notes.More, scalar.as_number,
                             observers.tell_made, observers.tell_leaf)  # fmt: skip
    observers.told.append(native.watch)
    native.watch(bool(observers.active), None)
    return {"Value": value, "PLAIN": (value,)} | {name: getattr(native, name) for name in NAMES}
