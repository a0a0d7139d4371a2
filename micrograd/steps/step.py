"""`Step`: one training step, kept whole, so that it can be printed, drawn and stepped through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from micrograd.errors import ArgumentValueError
from micrograd.steps.tables import step_tables
from micrograd.tape.tape import Tape
from micrograd.text.equations import Quantity
from micrograd.text.words import DIGITS

if TYPE_CHECKING:
    from micrograd.optim.equation import Equation
    from micrograd.optim.optimizer import Optimizer

Positions = NDArray[np.intp]  # where on the tape; -1 for what the loss does not depend on
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ParameterRecord:
    """A parameter before and after: `after = before - learning_rate * direction`.

    `state_before` and `state_after` are what the optimiser kept of it, arrays of its shape by the
    names that the state has; masked where there was nothing. `options` are those of its group.
    """

    name: str
    positions: Positions
    before: Floats
    gradient: Floats | None  # None: no backward pass reached it, and it was not updated
    learning_rate: float  # 0 if it was not updated
    direction: Floats  # what the optimiser made of the gradient; plain SGD takes it as it is
    after: Floats
    state_before: Mapping[str, Floats] = field(default_factory=dict)
    state_after: Mapping[str, Floats] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Optimizer | None = None  # its rule, without parameters; None: it was not updated

    def equations(
        self, index: int | tuple[int, ...] = (), p: str | Quantity = "p", g: str | Quantity = "g"
    ) -> tuple[Equation, ...]:
        """How the optimiser updated one number, as its rule has it; () if it did not.

        The last equation gives the new number. `p` and `g` are what the number and its gradient are
        called; a Quantity is taken as it is, with its name and tag. Raises an ArgumentValueError if
        the index does not choose one number.

        >>> from micrograd import nn, optim, record_step
        >>> model = nn.Linear(1, 1)
        >>> model.load_state_dict({"weight": [[3.0]], "bias": [1.0]})
        <All keys matched successfully>
        >>> sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
        >>> step = record_step(model, nn.MSELoss(), sgd, [[2.0]], [[6.0]])
        >>> for equation in step.parameter("weight").equations((0, 0), p="w"):
        ...     print(equation.text(), "|", equation.numbers())
        v = μ × v_old + g | v = 0.5 × 0 + 4 = 4.0000
        new = w − lr × v | new = 3 − 0.1 × 4 = 2.6000
        """
        index = index if isinstance(index, tuple) else (index,)
        if len(index) != self.before.ndim or not all(
            isinstance(i, int) and -n <= i < n
            for i, n in zip(index, self.before.shape, strict=False)
        ):
            raise ArgumentValueError(
                f"index must choose one number of {self.name}, whose shape is {self.before.shape}, "
                f"got {index}"
            )
        if self.optimizer is None or self.gradient is None:
            return ()
        p = p if isinstance(p, Quantity) else Quantity(p, float(self.before[index]))
        g = g if isinstance(g, Quantity) else Quantity(g, float(self.gradient[index]))
        before, after = (_at(index, state) for state in (self.state_before, self.state_after))
        *steps, new = self.optimizer.equations(p, g, before, after, dict(self.options))
        result = Quantity(new.name, float(self.after[index]), new.result.tag, source=("new",))
        return (*steps, replace(new, result=result))


@dataclass(frozen=True)
class ModuleCall:
    """One call of a module."""

    name: str  # qualified, such as "layer1"
    kind: str  # the library's class that the module is, or is derived from
    inputs: Positions
    output: Positions
    parameters: dict[str, str]  # its own parameters: name in the module -> qualified name


@dataclass(frozen=True)
class InputRecord:
    """One input of the model; most have only `x`."""

    name: str
    positions: Positions
    values: Floats


@dataclass(frozen=True)
class Step:
    """One training step; see `micrograd.record_step`.

    Every intermediate value, local derivative and gradient is on the `tape`; `x`, `y`, `output`,
    `ParameterRecord.positions` and `ModuleCall` say which is which. `x` is the first of `inputs`.
    """

    tape: Tape
    calls: tuple[ModuleCall, ...]
    parameters: tuple[ParameterRecord, ...]
    inputs: tuple[InputRecord, ...]
    samples: int  # of the batch; 1 for an input without a batch axis
    y: Positions
    y_values: Floats
    output: Positions
    output_before: Floats
    output_after: Floats
    loss: float
    loss_after: float
    loss_name: str
    loss_formula: str  # of one output, such as "(out − y)²"
    loss_derivative: str
    loss_terms: int  # how many losses `loss` is the mean of
    optimizer_name: str
    rule: str  # the direction in words; "g" where it is the gradient itself
    learning_rate: float

    def parameter(self, name: str) -> ParameterRecord:
        """The record of the parameter with that qualified name."""
        for p in self.parameters:
            if p.name == name:
                return p
        names = ", ".join(p.name for p in self.parameters)
        raise ArgumentValueError(f"name must be one of {names:.200}, got {name!r}")

    def values(self, positions: Any) -> Floats:
        """The forward values at positions on the tape; masked for -1."""
        nodes = self.tape.nodes
        return _masked([nodes[i].value if i >= 0 else None for i in np.ravel(positions)], positions)

    def gradients(self, positions: Any) -> Floats:
        """The gradients at positions on the tape; masked where no backward pass came."""
        nodes = self.tape.nodes
        flat = [nodes[i].gradient if i >= 0 else None for i in np.ravel(positions)]
        return _masked(flat, positions)

    def layers(self) -> list[ModuleCall]:
        """The calls of modules that compute something themselves, not of those around them."""
        within = {call.name for call in self.calls if call.kind == "Layer"}
        calls = [
            call
            for call in self.calls
            if call.name != "loss"
            and not (call.kind == "Neuron" and call.name.rpartition(".neurons.")[0] in within)
        ]
        around = {call.name.rpartition(".")[0] for call in calls}
        around |= {call.name.rpartition(".")[0] for call in calls if call.kind == "Layer"}
        around |= {"model"} if any(call.name != "model" for call in calls) else set()
        return [call for call in calls if call.name not in around]

    @property
    def x(self) -> Positions:
        """Where the input is on the tape; of several, the first."""
        return self.inputs[0].positions

    @property
    def x_values(self) -> Floats:
        """The numbers of the input; of several, the first."""
        return self.inputs[0].values

    def __str__(self) -> str:
        return self.tables()

    def __repr__(self) -> str:
        n = len(self.parameters)
        return f"<Step: {self.optimizer_name}, {self.loss_name} {self.loss:.4f}, {n} parameters>"

    def tables(self, language: str = "en", digits: int = DIGITS) -> str:
        """The step as tables: parameters, forward pass, gradients, updated parameters.

        `language` is "en" or "zh". Numbers have `digits` decimals, the losses all that they have.
        """
        return step_tables(self, language, digits)


def _at(index: tuple[int, ...], state: Mapping[str, Floats]) -> dict[str, float]:
    numbers = {name: array[index] for name, array in state.items()}
    return {name: float(x) for name, x in numbers.items() if x is not np.ma.masked}


def _masked(numbers: list[float | None], like: Any) -> Floats:
    missing = [x is None for x in numbers]
    filled = [0.0 if x is None else x for x in numbers]
    array = np.array(filled, dtype=np.float64).reshape(np.shape(like))
    if not any(missing):
        return array
    return np.ma.masked_array(array, mask=np.reshape(missing, np.shape(like)))
