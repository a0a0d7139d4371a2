"""A program in NumPy: its loss, the gradient in matrix form, and a step of the optimiser."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd.exporting.dialect import Dialect
from micrograd.exporting.differentiated import differentiated
from micrograd.exporting.module import (
    archive,
    body_of,
    constant_lines,
    documented,
    packed,
    run,
    shapes_text,
    statements,
)
from micrograd.exporting.program import ArrayProgram
from micrograd.exporting.samples import generalised
from micrograd.exporting.subject import Subject
from micrograd.exporting.update import RuleStep, update_of
from micrograd.exporting.written import Written

CONSTANTS = "_constants.npz"


def write(subject: Subject) -> Written:
    """The text, its arrays, and what runs it."""
    program = generalised(subject)
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
        program.samples, others=names,
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
    forward = statements(program)
    loss = body_of(dialect, program, forward)
    gradient = body_of(dialect, program, [*forward, *backward.lines])
    constants, kept = constant_lines(dialect, program.constants)
    returned = [f'"{name}": {d}' for name, d in backward.derivatives.items()]
    body = [
        f"def loss({given}):",
        *documented("The loss: a number.", "    "),
        *loss,
        f"    return {program.loss}",
        "",
        "",
        f"def loss_and_gradient({given}):",
        *documented(
            "The loss, and its derivative by each parameter: dA is that by A, in A's shape.", "    "
        ),
        *gradient,
        *packed(f"return {program.loss}, {{", returned, "}", "    "),
        *(update.lines(given) if update else []),
    ]
    if kept:
        constants = [
            f'with np.load(Path(__file__).with_name(Path(__file__).stem + "{CONSTANTS}")) as kept:',
            *(f'    {name} = kept["{name}"]' for name in kept),
            *constants,
        ]
    text = "\n".join([*constants, *([""] * 2 if constants else []), *body])
    imports = [f"import {m}" for m in ("math",) if f"{m}." in text]
    imports += ["from pathlib import Path"] if kept else []
    head = [
        *documented(f"{_title(program, update)}\n\n{shapes_text(program)}"),
        "",
        *imports,
        *([""] if imports else []),
        "import numpy as np",
        "",
        *([""] if not constants else []),
    ]
    return "\n".join([*head, text.rstrip("\n"), ""]), kept


def _title(program: ArrayProgram, update: RuleStep | None) -> str:
    name = program.name if program.name.isidentifier() else "a function"
    last = f", its gradient, and a step of {update.rule}" if update else " and its gradient"
    return (
        f"The loss of `{name}`{last}, in NumPy."
        if name == program.name
        else (f"A loss{last}, in NumPy.")
    )
