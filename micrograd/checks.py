"""Checks on a run: is this gradient right, and where did this nan come from."""

from __future__ import annotations

import linecache
import math
import os
import sys
from collections.abc import Callable, Sequence
from types import FrameType

import numpy as np

from micrograd.engine import Value
from micrograd.errors import AnomalyError, ArgumentTypeError, GradcheckError
from micrograd.gradients import grad
from micrograd.observers import Observer
from micrograd.ops import BY_HAND, OPS

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = (PACKAGE, os.path.join(os.path.dirname(os.path.dirname(PACKAGE)), "viz") + os.sep)
_NUMPY = os.path.dirname(np.__file__) + os.sep
_FROZEN = "<frozen "  # modules of Python that have no file
_PYTHON = os.path.dirname(os.__file__) + os.sep


def gradcheck(
    fn: Callable[..., Value],
    inputs: Sequence[Value | float],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare the gradient of `fn(*inputs)` with central differences.

    True if every derivative `d` and its estimate `e = (fn(x + eps) - fn(x - eps)) / (2 eps)` have
    |d - e| <= atol + rtol |e|; otherwise a GradcheckError that names the input and both numbers.
    Names, defaults and meaning are those of `torch.autograd.gradcheck`.

    >>> gradcheck(lambda x, y: x * y.sin(), [Value(2.0), Value(0.5)])
    True
    """
    xs = [float(x) for x in inputs]
    leaves = [Value(x) for x in xs]
    output = fn(*leaves)
    if not isinstance(output, Value):
        raise ArgumentTypeError(f"fn must return a Value, got {type(output).__name__}")
    for i, derivative in enumerate(grad(output, leaves)):
        above, below = (
            fn(*[Value(x + step * (i == j)) for j, x in enumerate(xs)]).data for step in (eps, -eps)
        )
        estimate = (above - below) / (2 * eps)
        if not abs(derivative.data - estimate) <= atol + rtol * abs(estimate):
            raise GradcheckError(
                f"the derivative by input {i} (at {xs[i]!r}) is {derivative.data!r}, "
                f"central differences give {estimate!r} (atol={atol:g}, rtol={rtol:g})"
            )
    return True


def gradgradcheck(
    fn: Callable[..., Value],
    inputs: Sequence[Value | float],
    grad_output: float | None = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare second derivatives of `fn(*inputs)` with central differences of the first ones.

    `gradcheck` of each `grad_output * grad(fn(*inputs))`, by the inputs and by `grad_output` (1 if
    it is not given); the same error. Names, defaults and meaning are those of
    `torch.autograd.gradgradcheck`.

    >>> gradgradcheck(lambda x, y: x * y.sin(), [Value(2.0), Value(0.5)])
    True
    """
    seed = 1.0 if grad_output is None else float(grad_output)
    for i in range(len(inputs)):

        def slope(*xs: Value, i: int = i) -> Value:
            output = fn(*xs[:-1])
            if not isinstance(output, Value):
                raise ArgumentTypeError(f"fn must return a Value, got {type(output).__name__}")
            return xs[-1] * grad(output, list(xs[:-1]), create_graph=True)[i]

        try:
            gradcheck(slope, [*inputs, seed], eps, atol, rtol)
        except GradcheckError as error:
            raise GradcheckError(f"of the gradient by input {i}: {error}") from None
    return True


class detect_anomaly(Observer):  # noqa: N801  (the name torch users know)
    """Inside, the first nan or infinity, forward or backward, raises an AnomalyError.

    The error names the operation, the values of its inputs and the line that made it, in compiled
    functions, too. So does a backward pass through numbers that were changed after they had been
    used (`p.data -= …` before `backward`). Slow: for finding a fault, not for training.

    >>> from micrograd import MicrogradError
    >>> try:
    ...     with detect_anomaly():
    ...         Value(0.0).log() * 2
    ... except MicrogradError as error:
    ...     print(str(error).splitlines()[0])
    log(0.0) is -inf
    """

    follows = False

    def made(self, node: Value) -> None:
        """Check the result of an operation, and remember the line that asked for it."""
        node._notes().origin = user_line()
        if not math.isfinite(node.data):
            raise AnomalyError(f"{_call(node)} is {node.data}\n  made at {_origin(node)}")

    def pulled(self, node: Value, gradient: float, of_inputs: list[float]) -> None:
        """Check the gradients that an operation has just added to, and that it still holds."""
        now = _value_now(node)
        if now is not None and now != node.data and now == now:
            raise AnomalyError(
                f"in the backward pass, {_call(node)} is {now!r} now and was {node.data!r}: "
                "`.data` was changed after it had been used, so that the gradients belong to no "
                f"function; change it after backward()\n  made at {_origin(node)}"
            )
        for i, gained in enumerate(of_inputs):
            if not math.isfinite(gained):
                raise AnomalyError(
                    f"in the backward pass, input {i} of {_call(node)} = {node.data!r} got the "
                    f"gradient {gained} (the gradient of the result is {gradient!r})\n"
                    f"  made at {_origin(node)}"
                )


def is_library(path: str) -> bool:
    """Whether it is a file of ours, of NumPy or of Python."""
    return path.startswith((*_LIBRARY, _NUMPY, _FROZEN)) or (
        path.startswith(_PYTHON) and "site-packages" not in path
    )


def user_line() -> str:
    """The innermost line of the call stack that is the user's: `file:line: text`."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return line_at(frame)


def line_at(frame: FrameType) -> str:
    """The line that a frame is at: `file:line: text`."""
    path, number = frame.f_code.co_filename, frame.f_lineno
    return f"{path}:{number}: {linecache.getline(path, number).strip()}"


def user_line_of(error: BaseException) -> str:
    """The innermost line that an error went through and that is not the library's own."""
    line, trace = "", error.__traceback__
    while trace is not None:
        path, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        if not is_library(path):
            line = f"{path}:{number}: {linecache.getline(path, number).strip()}"
        trace = trace.tb_next
    return line


def _value_now(node: Value) -> float | None:
    """What a row of the op table comes to with the numbers that its inputs have now."""
    row = node._row
    if row is None or OPS.get(row.name) is not row:
        return None
    static = () if node._static is None else (node._static,)
    result: float = row.f(*[x.data for x in node._inputs], *static)
    return result


def _origin(node: Value) -> str:
    return node._notes().origin or "a line that ran before detect_anomaly was entered"


def _call(node: Value) -> str:
    operands = [repr(x.data) for x in node._inputs]
    if node._static is not None:
        operands.append(repr(node._static))
    name = node._op if node._row is None or node._row is BY_HAND else node._row.name
    return f"{name or 'a node made by hand'}({', '.join(operands)})"
