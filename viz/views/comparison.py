"""Every gradient of a recorded step beside torch's own."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.exchange.modules import load_torch
from micrograd.steps.step import Step


@dataclass(frozen=True)
class GradientRow:
    """One number: what it is, its gradient here and in torch, and by how much they differ."""

    name: str
    here: float
    torch: float

    @property
    def difference(self) -> float:
        """Of the two; 0 if both are nan."""
        both = self.here != self.here and self.torch != self.torch
        return 0.0 if both or self.here == self.torch else abs(self.here - self.torch)


@dataclass(frozen=True)
class GradientTable:
    """A table of gradients; prints, and shows itself in a notebook. See `compare`."""

    rows: tuple[GradientRow, ...]
    loss: GradientRow

    @property
    def largest(self) -> float:
        """The largest difference; nan if one side alone has a nan."""
        differences = [row.difference for row in (self.loss, *self.rows)]
        return float(np.max(differences))

    def __str__(self) -> str:
        table = [("", "here", "torch", "difference"), *map(_cells, (self.loss, *self.rows))]
        widths = [max(len(row[k]) for row in table) for k in range(4)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            for row in table
        ]
        lines = [f"{row[0]:{widths[0]}}  {line}" for row, line in zip(table, lines, strict=True)]
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        return (
            f"<GradientTable of {len(self.rows)} gradients, largest difference {self.largest:.3g}>"
        )

    def _repr_html_(self) -> str:
        head = "<tr><th></th><th>here</th><th>torch</th><th>difference</th></tr>"
        rows = "".join(
            "<tr><td style='text-align:left'>"
            + "</td><td>".join(c.replace("&", "&amp;").replace("<", "&lt;") for c in _cells(row))
            + "</td></tr>"
            for row in (self.loss, *self.rows)
        )
        return f"<table>{head}{rows}</table>"


def _cells(row: GradientRow) -> tuple[str, str, str, str]:
    return row.name, f"{row.here:.10g}", f"{row.torch:.10g}", f"{row.difference:.2g}"


def compare(step: Step, torch_module: Any, loss: Any = None) -> GradientTable:
    """Each gradient of a recorded step, here and in torch, and the loss.

    `torch_module` has parameters of the step's names and shapes; it is copied, in float64, and gets
    the numbers that they had before the step. `loss` is torch's; if there is none, the module of
    `torch.nn` with the name of the step's. Raises an ArgumentTypeError for what is no module, an
    ArgumentValueError for other names or shapes, or a loss that torch does not have.

    >>> import torch
    >>> from micrograd import nn, optim, record_step, to_torch
    >>> model = nn.Linear(1, 1)
    >>> model.load_state_dict({"weight": [[3.0]], "bias": [1.0]})
    <All keys matched successfully>
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> step = record_step(model, nn.MSELoss(), sgd, [[2.0]], [[6.0]])
    >>> print(compare(step, to_torch(model)))
                  here  torch  difference
    loss             1      1           0
    weight[0, 0]     4      4           0
    bias[0]          2      2           0
    """
    torch = load_torch()
    if not isinstance(step, Step):
        raise ArgumentTypeError(f"step must be a recorded step, got {type(step).__name__}")
    if not isinstance(torch_module, torch.nn.Module):
        raise ArgumentTypeError(
            f"torch_module must be a torch.nn.Module, got {type(torch_module).__name__}"
        )
    twin = copy.deepcopy(torch_module).double()
    theirs = dict(twin.named_parameters())
    shapes = {p.name: p.before.shape for p in step.parameters}
    others = {name: tuple(p.shape) for name, p in theirs.items()}
    if shapes != others:
        raise ArgumentValueError(
            f"torch_module must have the parameters of the step, {shapes}, got {others}"
        )
    with torch.no_grad():
        for p in step.parameters:
            theirs[p.name].copy_(torch.tensor(np.asarray(p.before)))
    twin.zero_grad()
    result = _loss(step, loss, torch)(*_in_torch(step, twin, torch))
    result.backward()
    rows = [
        GradientRow(f"{p.name}{list(index)}", float(mine), float(other))
        for p in step.parameters
        for index, mine, other in _pairs(p, theirs[p.name])
    ]
    return GradientTable(tuple(rows), GradientRow("loss", step.loss, result.item()))


def _pairs(p: Any, theirs: Any) -> Any:
    mine = np.zeros(p.before.shape) if p.gradient is None else np.asarray(p.gradient)
    other = np.zeros(p.before.shape) if theirs.grad is None else theirs.grad.numpy()
    return [(index, mine[index], other[index]) for index in np.ndindex(*p.before.shape)]


def _loss(step: Step, loss: Any, torch: Any) -> Any:
    if loss is not None:
        return loss
    if not hasattr(torch.nn, step.loss_name):
        raise ArgumentValueError(
            f"torch.nn has no loss {step.loss_name!r}: give it as loss=, a function of the output "
            "and the target"
        )
    return getattr(torch.nn, step.loss_name)()


def _in_torch(step: Step, twin: Any, torch: Any) -> tuple[Any, Any]:
    inputs = [torch.tensor(np.asarray(x.values)) for x in step.inputs]
    output = twin(*inputs)
    y = torch.tensor(np.asarray(step.y_values))
    whole = y.ndim < output.ndim and bool((y == y.round()).all())
    return output, y.long() if whole else y
