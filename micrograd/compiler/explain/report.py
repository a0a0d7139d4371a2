"""What the compiler found, in figures and in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from micrograd.compiler.explain.recovered import Operation, Recovered
from micrograd.compiler.explain.recurring import Repeated, folded
from micrograd.compiler.nest.ir import Nest
from micrograd.compiler.nest.spans import listed
from micrograd.compiler.passes import Built
from micrograd.compiler.trace.traced import Traced

MOST_KINDS = 6  # of kernels, counted one by one
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
    trace_ms: float
    passes_ms: float
    backend_ms: float
    passes: Mapping[str, float]

    @staticmethod
    def of(built: Built, traced: Traced, backend_ms: float, backend: str) -> Report:
        """The figures of a program."""
        nests = built.program.nests
        return Report(
            backend=backend,
            nodes=len(traced.recording),
            graph_nodes=len(built.graph),
            groups=len(built.groups),
            kernels=len(nests),
            gathers=sum(bool(listed(nest)) and nest.starts is None for nest in nests),
            ragged=sum(nest.starts is not None for nest in nests),
            trace_ms=traced.milliseconds,
            passes_ms=sum(built.milliseconds.values()),
            backend_ms=backend_ms,
            passes=dict(built.milliseconds),
        )

    def __getitem__(self, name: str) -> Any:
        return asdict(self)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(asdict(self))

    def __len__(self) -> int:
        return len(asdict(self))


def explanation(report: Report, built: Built, found: Recovered) -> str:
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
    lines += ["", f"kernels ({_passes(built)}): {_counted(built)}"]
    times = f"trace {report.trace_ms:.1f} ms, passes {report.passes_ms:.1f} ms"
    return "\n".join([*lines, f"{times}, backend {report.backend_ms:.1f} ms"])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + "s" * (count != 1)


def _passes(built: Built) -> str:
    """What the program computes."""
    program = built.program
    found = ["forward"]
    found += ["backward"] if program.checked else []
    found += ["update"] if program.update_from < len(program.nests) else []
    return ", ".join(found)


def _counted(built: Built) -> str:
    """How many kernels there are of each kind, the rarest together."""
    kinds = Counter(_kind(nest) for nest in built.program.nests).most_common()
    parts = [f"{count} {kind}" for kind, count in kinds[:MOST_KINDS]]
    rest = sum(count for _, count in kinds[MOST_KINDS:])
    return ", ".join(parts + ([f"{rest} others"] if rest else []))


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


def _kind(nest: Nest) -> str:
    """What a nest does, without how large it is."""
    return re.split(r" ?\d", describe(nest), maxsplit=1)[0]


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
    rows = [s.row for s in nest.body[1 if nest.reduce else 0 :]]
    if not nest.reduce:
        return f"map {size}: {', '.join(rows)}"
    kind = "max" if nest.reduce == "max" else _sum(nest)
    return f"{kind} {size}" + (f": {', '.join(rows)}" if rows else "")


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
