"""Whether a program keeps the promises that the backends rely on."""

from __future__ import annotations

from collections.abc import Iterator

from micrograd.compiler.nest.axes import in_block
from micrograd.compiler.nest.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Kernel,
    Maximum,
    OneHot,
    Program,
    Ragged,
    Statement,
)
from micrograd.compiler.nest.spans import (
    Span,
    affine_reads,
    affine_writes,
    block_written,
    listed_reads,
    operands_listed,
    span,
)
from micrograd.ops import OPS


class ProgramError(AssertionError):
    """A program breaks a promise: a fault of the compiler, not of who uses it."""


def check(program: Program) -> None:
    """Raise a ProgramError that names the first kernel at fault, if there is one."""
    sizes = {**program.sizes, "work": len(program.work)}
    for place, kernel in enumerate(_in_last_blocks(program, sizes)):
        updates = place >= program.update_from
        for fault in _faults(kernel, sizes, updates):
            raise ProgramError(f"kernel {place} ({type(kernel).__name__}): {fault}")
    if not 0 <= program.update_from <= len(program.kernels):
        raise ProgramError(f"update_from is {program.update_from} of {len(program.kernels)}")
    ranges = [(program.loss, 1), *program.checked, *program.kept]
    for base, length in ranges:
        if base < 0 or length < 0 or base + length > len(program.work):
            raise ProgramError(f"range ({base}, {length}) is not within work")


def _in_last_blocks(program: Program, sizes: dict[str, int]) -> list[Kernel]:
    """The kernels, those of repeats as they run in the end."""
    kernels = list(program.kernels)
    done = 0
    for repeat in program.repeats:
        if not done <= repeat.first < repeat.end <= program.update_from or repeat.count < 1:
            raise ProgramError(f"{repeat} after kernel {done}")
        done = repeat.end
        for place in range(repeat.first, repeat.end):
            kernel = kernels[place]
            named = f"kernel {place} ({type(kernel).__name__})"
            if not isinstance(kernel, Elementwise | Contraction | Maximum):
                raise ProgramError(f"{named}: in a repeat")
            if kernel.extents[:1] != (1,) or [*_shape_faults(kernel)]:
                raise ProgramError(f"{named}: no axis of blocks in {kernel.extents}")
            for fault in _bound_faults(kernel, sizes):
                raise ProgramError(f"{named}, in the first block: {fault}")
            kernels[place] = in_block(kernel, repeat.count - 1)
    return kernels


def _faults(kernel: Kernel, sizes: dict[str, int], updates: bool) -> Iterator[str]:
    if isinstance(kernel, Elementwise | Contraction | Maximum | OneHot):
        yield from _shape_faults(kernel)
    yield from _bound_faults(kernel, sizes)
    yield from _write_faults(kernel, updates)
    match kernel:
        case Elementwise():
            yield from _statement_faults(kernel.statements, kernel.extents)
        case Contraction() | Maximum():
            yield from _reduction_faults(kernel)
            if isinstance(kernel, Contraction) and kernel.after:
                yield from _after_faults(kernel)
        case OneHot():
            if not 0 <= kernel.axis < len(kernel.extents):
                yield f"axis {kernel.axis} of {len(kernel.extents)}"
            elif kernel.ids.strides[kernel.axis]:
                yield "ids vary along the axis of choices"
            if not injective(kernel.out, kernel.extents):
                yield f"out meets itself: {kernel.out}"
        case Ragged():
            yield from _row_faults(kernel)


def _shape_faults(kernel: Elementwise | Contraction | Maximum | OneHot) -> Iterator[str]:
    if any(n < 1 for n in kernel.extents):
        yield f"extents {kernel.extents}"
    for access in affine_reads(kernel) + affine_writes(kernel):
        if len(access.strides) != len(kernel.extents):
            yield f"{len(access.strides)} strides for {len(kernel.extents)} axes: {access}"


def _bound_faults(kernel: Kernel, sizes: dict[str, int]) -> Iterator[str]:
    extents = () if not hasattr(kernel, "extents") else kernel.extents
    spans = [span(a, extents) for a in affine_reads(kernel) + affine_writes(kernel)]
    for space, addresses in listed_reads(kernel):
        if len(addresses):
            spans.append(Span(space, int(addresses.min()), int(addresses.max())))
    written = block_written(kernel)
    for covered in [*spans, written] if written else spans:
        if covered.space not in sizes:
            yield f"no space {covered.space!r}"
        elif covered.low < 0 or covered.high >= sizes[covered.space]:
            size = sizes[covered.space]
            yield f"{covered.low} to {covered.high} of {covered.space}, which has {size}"


def _write_faults(kernel: Kernel, updates: bool) -> Iterator[str]:
    allowed = {"work", "parameters", "state"} if updates else {"work"}
    for access in affine_writes(kernel):
        if access.space not in allowed:
            yield f"writes to {access.space}"
    for access in affine_reads(kernel):
        integers = isinstance(kernel, OneHot)
        if access.space.startswith("ids") != integers:
            yield f"reads {access.space} as {'integers' if integers else 'floats'}"
    written = block_written(kernel)
    if written:
        for space, addresses in operands_listed(kernel):
            inside = (addresses >= written.low) & (addresses <= written.high)
            if space == written.space and inside.any():
                yield "reads what it writes"


def _after_faults(kernel: Contraction) -> Iterator[str]:
    kept = [bool(stride) for stride in kernel.out.strides]
    extents = tuple(n if k else 1 for n, k in zip(kernel.extents, kept, strict=True))
    result = Statement(TERM, kernel.out, ())
    yield from _statement_faults((result, *kernel.after), extents)
    for s in kernel.after:
        for access in (s.out, *s.inputs):
            if any(stride and not k for stride, k in zip(access.strides, kept, strict=True)):
                yield f"a statement varies along a reduced axis: {access}"
        for factor in (kernel.u, kernel.v):
            if factor and span(s.out, extents).meets(span(factor, kernel.extents)):
                yield f"a statement writes to {factor}"


def _statement_faults(statements: tuple[Statement, ...], extents: tuple[int, ...]) -> Iterator[str]:
    for place, s in enumerate(statements):
        if s.row == TERM:
            if len(s.inputs) > 2 or s.static is not None:
                yield f"statement {place}: a term of {len(s.inputs)} inputs, static {s.static}"
        elif s.row not in OPS:
            yield f"statement {place}: no row {s.row!r}"
        else:
            row = OPS[s.row]
            if len(s.inputs) != row.arity or (s.static is not None) != row.has_static:
                yield f"statement {place}: {s.row} of {len(s.inputs)} inputs, static {s.static}"
            if s.accumulate or s.coefficient != 1.0:
                yield f"statement {place}: {s.row} with a coefficient or accumulating"
        if not injective(s.out, extents):
            yield f"statement {place}: out meets itself: {s.out}"
        written = span(s.out, extents)
        for other in statements:
            for access in (*other.inputs, other.out):
                same = _squeezed(access, extents) == _squeezed(s.out, extents)
                if not same and span(access, extents).meets(written):
                    yield f"statement {place}: out meets {access} at another index"


def _reduction_faults(kernel: Contraction | Maximum) -> Iterator[str]:
    kept = [i for i, stride in enumerate(kernel.out.strides) if stride]
    extents = tuple(kernel.extents[i] for i in kept)
    out = Access(kernel.out.space, kernel.out.base, tuple(kernel.out.strides[i] for i in kept))
    if not injective(out, extents):
        yield f"out meets itself: {kernel.out}"
    factors = [kernel.u]
    if isinstance(kernel, Contraction) and kernel.v is not None:
        factors.append(kernel.v)
    for access in factors:
        if span(access, kernel.extents).meets(span(out, extents)):
            yield f"out meets {access}"


def _row_faults(kernel: Ragged) -> Iterator[str]:
    start = kernel.start
    rises = len(start) > 1 and (start[1:] > start[:-1]).all()
    if not rises or start[0] != 0 or start[-1] != len(kernel.u):
        yield "start is not increasing from 0 to the number of addresses"
    if kernel.v is not None and len(kernel.v) != len(kernel.u):
        yield f"{len(kernel.u)} addresses of u, {len(kernel.v)} of v"
    if kernel.reduction not in ("sum", "max"):
        yield f"reduction {kernel.reduction!r}"
    if kernel.reduction == "max" and (kernel.v is not None or kernel.accumulate):
        yield "a maximum of products, or accumulating"


def injective(access: Access, extents: tuple[int, ...]) -> bool:
    """True if each stride steps over all that the smaller strides reach."""
    reach = 0
    axes = zip(access.strides, extents, strict=True)
    for stride, n in sorted((abs(stride), n) for stride, n in axes if n > 1):
        if stride <= reach:
            return False
        reach += stride * (n - 1)
    return True


def _squeezed(access: Access, extents: tuple[int, ...]) -> tuple[object, ...]:
    strides = (s for s, n in zip(access.strides, extents, strict=True) if n > 1)
    return access.space, access.base, *strides
