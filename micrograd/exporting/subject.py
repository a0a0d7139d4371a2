"""What is exported: a function, the arguments of one call, and what was found in its trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd.compiler.api import compile  # noqa: A004  (the contract's name)
from micrograd.compiler.compilation import Compilation
from micrograd.compiler.compiled import Compiled
from micrograd.compiler.explain.naming import given_names
from micrograd.compiler.running.fallback import eager_gradient
from micrograd.compiler.trace.arguments.samples import is_shared
from micrograd.compiler.trace.arguments.stand_ins import refilled
from micrograd.compiler.trace.assigned import undisturbed
from micrograd.compiler.trace.numbers.reads import plain
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.world.around import around_in
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, CompileError
from micrograd.exporting.arguments import ArgumentPart, parts_of
from micrograd.optim.optimizer import Optimizer
from micrograd.tensors.tensor import Tensor, tensor

CallInputs = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A function that was compiled for `inputs`, and the program that it is."""

    function: Compiled[Any]
    inputs: CallInputs
    unit: Compilation
    traced: Traced
    optimizer: Optimizer | None

    @property
    def name(self) -> str:
        """The name of the function."""
        return getattr(self.function.fn, "__name__", "") or type(self.function.fn).__name__

    @property
    def leaves(self) -> list[Value]:
        """The parameters, by their numbers in the recording."""
        return self.traced.recording.parameters

    @property
    def parts(self) -> list[ArgumentPart]:
        """The arrays in the arguments: those of the function that is written."""
        names = given_names(self.function.fn, self.leaves, self.function.batch)
        batch = self.function.batch
        return [
            part
            for k, x in enumerate(self.inputs)
            for part in parts_of(x[0] if batch and not is_shared(x) else x, names.argument(k), k)
        ]

    def arrays(self, inputs: CallInputs) -> list[np.ndarray]:
        """The arguments of a call as that function takes them."""
        return [part.of(inputs, self.function.batch) for part in self.parts]

    def eager(self, inputs: CallInputs, leaves: Sequence[Value]) -> tuple[float, np.ndarray]:
        """The loss and its derivatives by these leaves, as the eager engine has them."""
        f = self.function
        result, gradient = eager_gradient(f.fn, inputs, f.batch, list(leaves))
        return float(result[0] if isinstance(result, tuple) else result), gradient

    def on(self, inputs: CallInputs) -> Subject:
        """The same function on other arguments.

        Raises what the function raises of them, and a CompileError if they make other programs.
        """
        f = self.function
        own: Compiled[Any] = Compiled(
            f.fn, f.parameters or None, None, f.batch, "numpy", f.dtype, exact=False
        )
        with undisturbed(f.fn):
            own(*inputs)
        ran = own.ran()
        _check(ran.traced, self.name)
        return Subject(own, inputs, ran.unit, ran.traced, self.optimizer)


def subject_of(what: Any, inputs: CallInputs) -> Subject:
    """What `export` is given: a compiled function, a function, or (model, loss).

    Without inputs it is the program that ran last.
    """
    function = _compiled(what)
    if inputs:
        start = Subject(function, inputs, None, None, function.optimizer)  # type: ignore[arg-type]
        return start.on(inputs)
    ran = function.ran()
    inputs = _arguments(ran.traced, function.batch, ran.unit.lanes)
    ran.traced.check_stateless(getattr(function, "__name__", "the function"))
    around = around_in(inputs)
    if around is not None:  # the numbers of now are constants of what is exported
        return subject_of(what, around.without(inputs))
    subject = Subject(function, inputs, ran.unit, ran.traced, function.optimizer)
    _check(ran.traced, subject.name)
    return subject


def _check(traced: Traced, name: str) -> None:
    """Raise a CompileError for a program that is right for some of its arguments only."""
    traced.check_stateless(name)
    if traced.decided:
        why = f": {traced.form.why[0]}" if traced.form.why else ""
        raise CompileError(
            f"cannot be exported: {name} is several programs, for the ways that its decisions "
            f"go, which micrograd.where would make one{why}"
        )


def _compiled(what: Any) -> Any:
    if isinstance(what, Compiled):
        return what
    if isinstance(what, tuple) and len(what) == 2 and all(map(callable, what)):
        return compile(_composed(*what))
    if isinstance(what, tuple) or not callable(what):
        raise ArgumentTypeError(
            "export takes a compiled function, a function with its arguments, or (model, loss) "
            f"with X and y, got {type(what).__name__}"
        )
    return compile(what)


def _composed(model: Callable[..., Any], loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss of a model, as a function of its inputs and targets."""

    def loss_of_model(X: Any, y: Any) -> Any:  # noqa: N803  (names of the exported code)
        x, y = (a if isinstance(a, Tensor) else tensor(a) for a in (X, y))
        return loss(model(x), y)

    return loss_of_model


def _arguments(traced: Traced, batch: bool, lanes: int) -> CallInputs:
    """The arguments that a program was traced with."""
    sample = tuple(_plain(x) for x in traced.stand_ins.arguments)
    return tuple(x if is_shared(x) else [x] * lanes for x in sample) if batch else sample


def _plain(x: Any) -> Any:
    """An argument with the numbers themselves in place of what stands for them."""
    if isinstance(x, np.ndarray) and x.dtype == object:
        return np.array([plain(v) for v in x.flat]).reshape(x.shape)
    return refilled(x, lambda v, _: plain(v))
