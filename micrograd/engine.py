"""Eager scalar reverse-mode automatic differentiation: `Value` records, `backward` differentiates.

A drop-in for Karpathy's `micrograd.engine`. What an operation computes and what its derivative is
comes from the op table (`micrograd.ops`). The engine never recurses over the graph, makes no
reference cycles, and leaves the garbage collector alone.

There are two cores with the same names and the same results to the bit: a compiled one, whose C is
generated from the op table, and one in Python, which is used where the other was not built or the
environment variable MICROGRAD_PURE is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from micrograd.core import native_core
from micrograd.core.notes import More
from micrograd.core.scalar import as_number

WHY_PYTHON = native_core.reason()  # why the core is the one in Python; empty if it is not
CORE = "Python" if WHY_PYTHON else "native"

if TYPE_CHECKING or WHY_PYTHON:
    from micrograd.core.python_core import (
        PLAIN,
        Value,
        as_arrays,
        as_operand,
        backward_from,
        compute,
        floats_in,
        floats_into,
        gradients_of,
        home_of,
        longest_paths,
        make_leaf,
        make_leaves,
        move,
        numbers_of,
        occurrences,
        owe,
        packed,
        packed_array,
        packed_keys,
        reachable,
        record,
        same_all,
        same_call,
        same_entries,
        weighted_sum,
        word_of,
        zero_gradients,
    )
else:
    globals().update(native_core.load())

Value.__module__ = __name__
Value.__doc__ = """A scalar that remembers how it was computed.

`data` is a float, `grad` the derivative by this value of the one on which `backward` was
called, `label` a name for pictures. `_children` and `_op` make a node by hand, as lectures do;
its derivative is what its `_backward` is set to.

>>> a, b = Value(2.0), Value(-3.0)
>>> loss = (a * b + 1).relu() + a**2
>>> loss.backward()
>>> loss, a.grad
(Value(data=4.0, grad=1.0), 4.0)
"""


def _detach(self: Value) -> Value:
    """A new leaf with the same data."""
    return Value(self.data)


Value.detach = _detach  # type: ignore[method-assign,assignment]

__all__ = [
    "CORE",
    "PLAIN",
    "WHY_PYTHON",
    "More",
    "Value",
    "as_arrays",
    "as_number",
    "as_operand",
    "backward_from",
    "compute",
    "floats_in",
    "floats_into",
    "gradients_of",
    "home_of",
    "longest_paths",
    "make_leaf",
    "make_leaves",
    "move",
    "numbers_of",
    "occurrences",
    "owe",
    "packed",
    "packed_array",
    "packed_keys",
    "reachable",
    "record",
    "same_all",
    "same_call",
    "same_entries",
    "weighted_sum",
    "word_of",
    "zero_gradients",
]
