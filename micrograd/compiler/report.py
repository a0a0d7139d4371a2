"""What the compiler found, in figures and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from micrograd.compiler.pipeline import Built
from micrograd.compiler.program import Contraction, Elementwise, Gather, Maximum, OneHot, Ragged
from micrograd.compiler.traced import Traced


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
        kernels = built.program.kernels
        return Report(
            backend=backend,
            nodes=len(traced.recording),
            graph_nodes=len(built.graph),
            groups=len(built.groups),
            kernels=len(kernels),
            gathers=sum(isinstance(k, Gather) for k in kernels),
            ragged=sum(isinstance(k, Ragged) for k in kernels),
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


def explanation(report: Report, built: Built) -> str:
    """The report as text."""
    lines = [
        f"{report.nodes:,} scalar operations -> {report.graph_nodes:,} nodes in "
        f"{report.groups} groups -> {report.kernels} kernels ({report.backend})",
        f"trace {report.trace_ms:.1f} ms, passes {report.passes_ms:.1f} ms, "
        f"backend {report.backend_ms:.1f} ms",
    ]
    kinds = Counter(describe(kernel) for kernel in built.program.kernels)
    lines += [f"  {count:4d} × {text}" for text, count in kinds.items()]
    return "\n".join(lines)


def describe(kernel: Any) -> str:
    """A kernel in words: what it does, and how large it is.

    >>> from micrograd.compiler.program import Access
    >>> strides = [(5, 0, 1), (3, 1, 0), (0, 5, 1)]
    >>> out, u, v = (Access("work", 0, s) for s in strides)
    >>> describe(Contraction((800, 3, 5), out, u, v, 1.0, False))
    'matmul 800×3×5'
    """
    if isinstance(kernel, Contraction):
        return f"{_contraction(kernel)} {_size(kernel.extents)}"
    if isinstance(kernel, Elementwise):
        rows = ", ".join(s.row for s in kernel.statements)
        return f"map {_size(kernel.extents)}: {rows}"
    if isinstance(kernel, Maximum):
        return f"max {_size(kernel.extents)}"
    if isinstance(kernel, OneHot):
        return f"lookup {_size(kernel.extents)}"
    if isinstance(kernel, Gather):
        return f"gather {len(kernel.index)}"
    assert isinstance(kernel, Ragged)
    return f"ragged {kernel.reduction} {len(kernel.start) - 1} rows, {len(kernel.u)} terms"


def _contraction(kernel: Contraction) -> str:
    if kernel.v is None:
        return "sum"
    only_u = only_v = False
    for i, out in enumerate(kernel.out.strides):
        if out:
            only_u |= bool(kernel.u.strides[i]) and not kernel.v.strides[i]
            only_v |= bool(kernel.v.strides[i]) and not kernel.u.strides[i]
    if only_u and only_v:
        return "matmul"
    if only_u or only_v:
        return "matvec"
    return "dot" if not any(kernel.out.strides) else "batched dot"


def _size(extents: tuple[int, ...]) -> str:
    return "×".join(map(str, extents)) or "1"
