"""Likely first mistakes, and what to pass instead, in one line."""

from __future__ import annotations

from typing import Any

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.nn.losses import Loss
from micrograd.nn.module import Module
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars
from micrograd.tensors.tensor import Tensor

RECORD = "record_step(model, loss, optimizer, x, y)"


def kind_of(given: Any) -> str:
    """What something is, for an error."""
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__


def check_order(model: Any, loss: Any, optimizer: Any, call: str) -> None:
    """Raise an ArgumentTypeError about the first of these arguments that is in a wrong place.

    >>> check_order(abs, 3.0, None, "f(model, loss, optimizer)")
    Traceback (most recent call last):
    micrograd.errors.ArgumentTypeError: loss must be a loss such as nn.MSELoss(), got float; the \
call is f(model, loss, optimizer)
    """
    example = "an Optimizer such as optim.SGD(model.parameters(), lr=0.01)"
    for name, given, wanted, right in (
        ("model", model, "a Module or a function", not isinstance(model, Loss | Optimizer)),
        ("loss", loss, "a loss such as nn.MSELoss()", not isinstance(loss, Optimizer)),
        ("optimizer", optimizer, example, isinstance(optimizer, Optimizer)),
    ):
        usable = callable(given) or name == "optimizer"
        if not right or not usable or isinstance(given, type):
            raise ArgumentTypeError(
                f"{name} must be {wanted}, got {kind_of(given)}; the call is {call}"
            )


def check_trains(model: Any, loss: Any, optimizer: Optimizer) -> None:
    """Raise an ArgumentValueError if the optimiser has none of what the model is made of.

    >>> from micrograd import nn, optim
    >>> mine, other = nn.Linear(1, 1), nn.Linear(1, 1)
    >>> check_trains(mine, nn.MSELoss(), optim.SGD(other.parameters(), lr=0.1))
    Traceback (most recent call last):
    micrograd.errors.ArgumentValueError: the optimizer has none of the model's parameters, which \
would stay as they are: make it from model.parameters()
    """
    parts = [part for part in (model, loss) if isinstance(part, Module)]
    own = {id(v) for part in parts for v in scalars(part.parameters())}
    updated = (id(v) for group in optimizer.param_groups for v in scalars(group["params"]))
    if own and own.isdisjoint(updated):
        raise ArgumentValueError(
            "the optimizer has none of the model's parameters, which would stay as they are: make "
            "it from model.parameters()"
        )


def cannot_draw(view: str, wanted: str, given: Any) -> ArgumentTypeError:
    """The error of a view that was given what it does not draw; says what to pass.

    >>> print(cannot_draw("layer_graph", "a recorded step", Value(1.0)))
    layer_graph draws a recorded step, got Value: draw it with op_graph, or pass \
record_step(model, loss, optimizer, x, y)
    """
    if isinstance(given, list | tuple):
        advice = "pass one of them, such as steps[0]"
    elif isinstance(given, Value | Tensor):
        advice = f"draw it with op_graph, or pass {RECORD}"
    elif callable(given) or isinstance(given, Optimizer):
        advice = f"pass {RECORD}"
    else:
        advice = ""
    text = f"{view} draws {wanted}, got {kind_of(given)}"
    return ArgumentTypeError(f"{text}: {advice}" if advice else text)
