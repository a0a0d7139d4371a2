"""One neuron through the compiler: what each pass makes of `relu(w·x + b)`.

`make pictures` writes it into ARCHITECTURE.md; a test sees that it is today's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import micrograd
from micrograd import Value, optim
from micrograd.compiler import passes
from micrograd.compiler.codes import NONE, ROWS
from micrograd.compiler.compilation import Compilation, UpdateCompilation
from micrograd.compiler.graph.graph import ROW, SUM, Graph
from micrograd.compiler.nest.ir import Nest
from micrograd.compiler.trace.recording import Recording

ARCHITECTURE = Path(__file__).parents[1] / "ARCHITECTURE.md"
BEGIN, END = "<!-- neuron: made by docs/neuron.py -->", "<!-- end -->"

PROGRAM = """\
w, b = Value(0.5), Value(-1.0)
neuron = micrograd.compile(lambda x: (w * x + b).relu(), optimizer=optim.SGD([w, b], lr=0.1))
neuron.step(3.0)"""

SAID = {
    "trace": "what was recorded, in order: n nodes, p parameters, x arguments",
    "normal form": "a neuron is one sum of products, and a row of the table; leaves come first",
    "gradient": "adjoints are more nodes: the terms of sums transposed, the row's own vjp",
    "layout": "groups, here of a node each, have their places; gradients lie as parameters do",
    "nests": "the array IR; a layer of 5 neurons would have `for i in 5:` before it",
    "update": "a program of its own: the optimiser's direction on whole vectors; "
    "state[0] is the learning rate",
    "fusion": "what only the same nest reads stays in registers",
    "llvm": "the first nest as a function, of which LLVM makes machine code",
}
SHOWN = 10  # lines of that function
A_LINE = 5  # places


def recording(r: Recording) -> Iterator[str]:
    """An operation a line; n0 is the first, p parameters, x arguments."""
    letters = "npxck"
    for k, row in enumerate(r.row.tolist()):
        codes = [int(x[k]) for x in (r.a, r.b, r.c) if x[k] >= 0]
        operands = [f"{letters[code >> 40]}{code & ((1 << 40) - 1)}" for code in codes]
        yield f"n{k} = {ROWS[row]}({', '.join(operands)})"


def nodes(g: Graph, skip: int = 0) -> Iterator[str]:
    """The nodes that are computed and have not been there before."""
    for n in range(skip, len(g)):
        if g.kind[n] == ROW:
            args = [f"n{a}" for a in g.args[n].tolist() if a != NONE]
            yield f"n{n} = {ROWS[g.row[n]]}({', '.join(args)})"
        elif g.kind[n] == SUM and (g.node == n).any():
            terms = np.flatnonzero(g.node == n).tolist()
            yield f"n{n} = " + " + ".join(_term(g, t) for t in terms)


def _term(g: Graph, t: int) -> str:
    factors = [f"n{x}" for x in (int(g.u[t]), int(g.v[t])) if x != NONE]
    c = [] if g.c[t] == 1.0 and factors else [f"{g.c[t]:g}"]
    return " · ".join([*c, *factors])


def stages() -> Iterator[tuple[str, list[str]]]:
    """Each pass that has something to show, and that."""
    names = {"micrograd": micrograd, "Value": Value, "optim": optim}
    exec(PROGRAM, names)
    made: Any = names["neuron"]
    runner = made._programs.newest
    source, given = made.source, runner.unit
    unit = Compilation(
        given.recording, given.arguments, given.places, given.size, given.mode, given.trained
    )
    yield "trace", [*recording(unit.recording)]
    seen = 0
    for step in (*passes.PASSES, *passes.OF_BACKENDS["llvm"]):
        step.run(unit)
        if step.name in ("normal form", "gradient"):
            yield step.name, [*nodes(unit.graph, seen)]
            seen = len(unit.graph)
        elif step.name == "layout":
            yield step.name, [*places(unit)]
        elif step.name == "nests":
            yield step.name, lines(unit.loops.all)
    old = runner.stepping.unit
    update = UpdateCompilation(old.memory, old.touched, old.size, old.flags_from)
    passes.OF_UPDATES[0].run(update)
    yield "update", lines(update.program.nests)
    next(step for step in passes.OF_BACKENDS["llvm"] if step.name == "fusion").run(update)
    yield "fusion", lines(unit.program.nests + update.program.nests)
    function = re.search(r"define internal void @kernel0.*?\n}", source, re.DOTALL)
    assert function is not None
    yield "llvm", [*function[0].splitlines()[:SHOWN], "  …"]


def lines(nests: Sequence[Nest]) -> list[str]:
    """The nests as text."""
    return [line for nest in nests for line in str(nest).split("\n")]


def places(unit: Compilation) -> Iterator[str]:
    """Where each node is, a few a line; without nodes that nothing needs, they have new numbers."""
    layout = unit.layout
    at = [
        f"n{n} in {space}[{layout.address[n]}]"
        for space, part in zip(layout.space, layout.nodes, strict=True)
        for n in part.tolist()
    ]
    yield from nodes(unit.graph)
    for k in range(0, len(at), A_LINE):
        yield ", ".join(at[k : k + A_LINE])


def text() -> str:
    """The part of ARCHITECTURE.md."""
    parts = [f"# {name}: {SAID[name]}\n" + "\n".join(found) for name, found in stages()]
    return f"```python\n{PROGRAM}\n```\n\n```\n" + "\n\n".join(parts) + "\n```"


def main() -> None:
    """Write it."""
    whole = ARCHITECTURE.read_text(encoding="utf-8")
    start, end = whole.index(BEGIN) + len(BEGIN), whole.index(END)
    ARCHITECTURE.write_text(f"{whole[:start]}\n\n{text()}\n\n{whole[end:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
