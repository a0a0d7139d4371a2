"""A program in NumPy: its loss, the gradient in matrix form, and a step of the optimiser."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd.exporting.dialect import Dialect, unparsed
from micrograd.exporting.differentiated import differentiated
from micrograd.exporting.emitting import Emitter, packed
from micrograd.exporting.loops.forward import with_arrays
from micrograd.exporting.module import (
    archive,
    assembled,
    body_of,
    documented,
    run,
    shapes_text,
    statements,
    title,
)
from micrograd.exporting.program import ArrayProgram
from micrograd.exporting.samples import program_for
from micrograd.exporting.subject import Subject
from micrograd.exporting.update import RuleStep, update_of
from micrograd.exporting.written import Written

CONSTANTS = "_constants.npz"


def write(subject: Subject, free: bool = True, loops: bool = True) -> Written:
    """The text, its arrays, and what runs it.

    `free` if it may take other numbers of samples, `loops` if recurrences may be loops.
    """
    program = program_for(subject, free, loops)
    update = update_of(subject, program)
    source, kept = _source(program, update)
    beside = {CONSTANTS: archive(kept)} if kept else {}
    names = run(source, beside)
    whole = [a.whole for a in program.arguments]
    numbers = np.array([v.data for v in subject.leaves])
    parameters = {p.name: numbers[p.members].reshape(p.shape) for p in program.parameters}
    return Written(
        source, parameters, {p.name: p.members for p in program.parameters},
        {".py": source.encode(), ".npz": archive(parameters), **beside},
        _called(names["loss"], whole), _called(names["loss_and_gradient"], whole),
        program.samples, program.has_loops, others=names,
    )  # fmt: skip


def _called(function: Any, whole: list[bool]) -> Any:
    """The function on arguments as they are given: lists, too."""

    def call(parameters: Any, *inputs: Any) -> Any:
        kinds = [np.int64 if w else np.float64 for w in whole]
        arrays = [np.asarray(x, k) for x, k in zip(inputs, kinds, strict=True)]
        with np.errstate(all="ignore"):
            return function({k: np.asarray(v) for k, v in parameters.items()}, *arrays)

    return call


def _source(program: ArrayProgram, update: RuleStep | None) -> tuple[str, dict[str, np.ndarray]]:
    dialect = Dialect()
    given = ", ".join(["parameters", *(a.name for a in program.arguments)])
    backward = differentiated(program)
    loss = body_of(dialect, program, statements(program, with_arrays))
    gradient = body_of(dialect, program, [*backward.forward, *backward.lines])
    value = unparsed(Emitter(dialect, [], set()).text(backward.loss))
    returned = [f'"{name}": {d}' for name, d in backward.derivatives.items()]
    body = [
        *packed("def loss(", given.split(", "), "):"),
        *documented("The loss: a number.", "    "),
        *loss,
        f"    return {program.loss}",
        "",
        "",
        *packed("def loss_and_gradient(", given.split(", "), "):"),
        *documented(
            "The loss, and its derivative by each parameter: dA is that by A, in A's shape.", "    "
        ),
        *gradient,
        *packed(f"return {value}, {{", returned, "}", "    "),
        *(update.lines(given) if update else []),
    ]
    more = f", its gradient, and a step of {update.rule}" if update else " and its gradient"
    head = f"{title(program, more, 'NumPy')}\n\n{shapes_text(program)}"
    return assembled(dialect, head, ["import numpy as np"], program, body)
