"""What the compiler found, in figures and in words, and the text that runs, marked with these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from micrograd.compiler.backends import MARK
from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.compilation import STEP, UpdateCompilation
from micrograd.compiler.explain.recovered import Operation, Recovered, Repeated, folded
from micrograd.compiler.graph.graph import adjoint_of
from micrograd.compiler.nest.axes import in_block
from micrograd.compiler.nest.ir import Nest, Program
from micrograd.compiler.nest.spans import listed
from micrograd.compiler.running.runner import Runner

MOST_NESTS = 32  # kernels of an explanation
MOST_NAMES = 4  # of arrays beside a kernel
MOST_LINES = 40  # array operations of an explanation
MOST_COLUMNS = 76  # characters of a formula that others are aligned with


@dataclass(frozen=True)
class Report(Mapping[str, Any]):
    """Figures of one program; times in milliseconds. Also a mapping from names to figures."""

    backend: str
    nodes: int  # operations that the program recorded
    graph_nodes: int  # after normal form and gradient
    groups: int
    kernels: int
    gathers: int
    ragged: int
    loops: int  # of a program that is no array: what repeats in it
    trace_ms: float
    passes_ms: float
    backend_ms: float
    passes: Mapping[str, float]

    @staticmethod
    def of(runner: Runner, mode: str, backend: str) -> Report:
        """The figures of a program; with its update, if that was run."""
        unit, traced, backend_ms = runner.unit, runner.traced, runner.backend_milliseconds
        nests, passes = unit.program.nests, dict(unit.milliseconds)
        if update := update_of(runner, mode):
            nests += update.program.nests
            for name, milliseconds in update.milliseconds.items():
                passes[name] = passes.get(name, 0.0) + milliseconds
        return Report(
            backend=backend,
            nodes=len(traced.recording),
            graph_nodes=len(unit.graph),
            groups=len(unit.groups),
            kernels=len(nests),
            gathers=sum(bool(listed(nest)) and nest.starts is None for nest in nests),
            ragged=sum(nest.starts is not None for nest in nests),
            loops=0 if unit.sequence is None else unit.sequence.count,
            trace_ms=traced.milliseconds,
            passes_ms=sum(passes.values()),
            backend_ms=backend_ms,
            passes=passes,
        )

    @property
    def times(self) -> str:
        """What was waited for, as text."""
        times = f"trace {self.trace_ms:.1f} ms, passes {self.passes_ms:.1f} ms"
        return f"{times}, backend {self.backend_ms:.1f} ms"

    def __getitem__(self, name: str) -> Any:
        return asdict(self)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(asdict(self))

    def __len__(self) -> int:
        return len(asdict(self))


def update_of(runner: Runner, mode: str) -> UpdateCompilation | None:
    """The update that was run after a program."""
    step = runner.stepping if mode is STEP else None
    return step.unit if step is not None and step.executable is not None else None


def explanation(
    report: Report, program: Program, update: UpdateCompilation | None, found: Recovered
) -> str:
    """The arrays that were found, and what runs, as text."""
    shown = folded(found.operations)
    lines = [
        f"{_many(report.nodes, 'scalar operation')}{_of_lanes(found)} -> "
        f"{_many(len(found.operations), 'array operation')} -> "
        f"{_many(report.kernels, 'kernel')} ({report.backend})",
        "",
        *_table(shown[:MOST_LINES]),
    ]
    left = sum(1 if isinstance(x, Operation) else len(x.operations) for x in shown[MOST_LINES:])
    lines += [f"  … and {left} more"] if left else []
    lines += ["", "what runs:", *_kernels(program, update, found), ""]
    return "\n".join([*lines, report.times])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + "s" * (count != 1)


def _kernels(program: Program, update: UpdateCompilation | None, found: Recovered) -> list[str]:
    """A line for each kernel that runs: what it does, and of which array it is a part.

    Kernels in a row that are alike share a line.
    """
    names = {int(op): x.result.name for x in found.operations for op in x.origin}
    nests = program.nests + (update.program.nests if update else ())
    texts = [*described(program), *(described(update.program) if update else ())]
    lines, ends, done = [], [], 0
    for text, run in groupby(texts):
        first, done = done, done + len(list(run))
        ends.append(done)
        made = [
            "update" if k >= len(program.nests) else _made(program.recorded(nest), names)
            for k, nest in enumerate(nests[first:done], first)
        ]
        number = f"{first + 1}" if done == first + 1 else f"{first + 1}–{done}"
        distinct = list(dict.fromkeys(made))
        lines.append((number, text, " … ".join([distinct[0], distinct[-1]][: len(distinct)])))
    shown = lines[:MOST_NESTS]
    width = max((len(text) for _, text, _ in shown if len(text) <= MOST_COLUMNS), default=0)
    wide = max((len(number) for number, _, _ in shown), default=0)
    numbered = [f"  {n:>{wide}}  {text:<{width}}   {made}".rstrip() for n, text, made in shown]
    if len(lines) > MOST_NESTS:
        numbered.append(f"  … and {len(texts) - ends[MOST_NESTS - 1]:,} more")
    return numbered


def described(program: Program) -> list[str]:
    """What each kernel does, in words."""
    blocks = {k: repeat for repeat in program.repeats for k in range(repeat.first, repeat.end)}
    texts = []
    for k, nest in enumerate(program.nests):
        text = describe(in_block(nest, 0) if k in blocks else nest)
        texts.append(text + (f", {blocks[k].count} times" if k in blocks else ""))
    return texts


def _made(recorded: Ids, names: Mapping[int, str]) -> str:
    """The arrays that these operations are part of, and those whose gradients they make."""
    made = dict.fromkeys(names[op] for op in recorded.tolist() if op in names)
    adjoints = [adjoint_of(op) for op in recorded.tolist() if op < NONE]
    of = dict.fromkeys(f"∂{names[op]}" for op in sorted(adjoints) if op in names)
    return ", ".join([*made, *of][:MOST_NAMES])


def _of_lanes(found: Recovered) -> str:
    return f" a sample, a batch of {found.lanes:,}" if found.lanes else ""


def _table(shown: list[Operation | Repeated]) -> list[str]:
    """A line an operation: result, formula and what it is, in columns."""
    operations = [x for x in shown if isinstance(x, Operation)]
    name = max((len(str(op.result)) for op in operations), default=0)
    lengths = [len(op.text()) for op in operations]
    width = max((n for n in lengths if n <= MOST_COLUMNS), default=0)
    lines = []
    for x in shown:
        if isinstance(x, Repeated):
            times = len(x.operations) // x.period
            steps = "the line above" if x.period == 1 else f"the {x.period} lines above"
            lines.append(f"  … {steps}, {times} times more")
        else:
            text = f"  {x.result!s:<{name}} = {x.text():<{width}}   {x.kind} {x.size}"
            lines.append(text.rstrip())
    return lines


def describe(nest: Nest) -> str:
    """A nest in words: what it does, and how large it is.

    >>> from micrograd.compiler.nest.ir import WORK, Affine, contraction
    >>> strides = [(5, 0, 1), (3, 1, 0), (0, 5, 1)]
    >>> describe(contraction((800, 3, 5), *(Affine(WORK, 0, s) for s in strides)))
    'matmul 800×3×5'
    """
    operands = listed(nest)
    if nest.starts is not None:
        terms = len(operands[0].index)
        return f"ragged {REDUCED[nest.reduce or '']} {len(nest.starts) - 1} rows, {terms} terms"
    if operands:
        return f"gather {len(operands[0].index)}"
    size = _size(nest.extents)
    if not nest.is_plain:
        return f"lookup {size}"
    runs = groupby(s.row for s in nest.body[1 if nest.reduce else 0 :])
    counted = [(row, len(list(run))) for row, run in runs]
    rows = ", ".join(f"{count} {row}s" if count > 1 else row for row, count in counted)
    kind = "map" if not nest.reduce else "max" if nest.reduce == "max" else _sum(nest)
    return f"{kind} {size}" + (f": {rows}" if rows else "")


REDUCED = {"add": "sum", "max": "max"}


def _sum(nest: Nest) -> str:
    term = nest.first
    if len(term.inputs) == 1:
        return "sum"
    u, v = (x.strides for x in term.inputs)
    kept = nest.result
    only_u = any(u[i] and not v[i] for i in kept)
    only_v = any(v[i] and not u[i] for i in kept)
    if only_u and only_v:
        return "matmul"
    if only_u or only_v:
        return "matvec"
    return "dot" if not kept else "batched dot"


def _size(extents: tuple[int, ...]) -> str:
    return "×".join(map(str, extents)) or "1"


LINE = re.compile(rf"^( *[;#]) {MARK} (\d+)$", re.M)


def marked_source(runner: Runner, mode: str) -> str:
    """What runs in a mode: the text of a program and, for a step, that of the update after it."""
    text = _marked(runner.executable.source, runner.program, 0)
    if update_of(runner, mode) is None:
        return text
    assert runner.stepping is not None
    assert runner.stepping.executable is not None
    update = runner.stepping.unit.program
    source = _marked(runner.stepping.executable.source, update, len(runner.program.nests))
    return f"{text}\n{source}"


def _marked(source: str, program: Program, before: int) -> str:
    """The text with a line of words at each mark; so many kernels come before its first."""
    texts = described(program)
    return LINE.sub(
        lambda found: f"{found[1]} {before + int(found[2])}  {texts[int(found[2]) - 1]}", source
    )
