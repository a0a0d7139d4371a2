"""The programs of a compiled function, made anew for C: on parameters that nothing else shares."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.compilation import GRADIENT, VALUE, Compilation, UpdateCompilation
from micrograd.compiler.compiled import Compiled
from micrograd.compiler.explain.naming import Given, given_names, variables
from micrograd.compiler.explain.recovered import Recovered, recovered
from micrograd.compiler.nest.ir import Listed, Nest, Program
from micrograd.compiler.optimise.fusion import fuse
from micrograd.compiler.passes import compiled
from micrograd.compiler.store import Store, place_of
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.update.memory import Memory
from micrograd.engine import Value
from micrograd.errors import CompileError
from micrograd.optim.optimizer import Optimizer, is_frozen
from micrograd.optim.state import scalars


@dataclass(slots=True, eq=False)
class CPrograms:
    """A compiled function's programs: of its loss, of the gradient, and of the update after it.

    Parameters are in the order of `leaves`: those of the function first, and then what else it
    reads.
    """

    function: Compiled[Any]
    traced: Traced
    given: Given
    found: Recovered | None  # None of a program that is no array
    variables: dict[int, str]
    leaves: list[Value]
    value: Compilation
    gradient: Compilation
    update: UpdateCompilation | None

    @property
    def memory(self) -> Memory | None:
        """Of the optimiser that is exported with it."""
        return None if self.update is None else self.update.memory


def exported(
    function: Compiled[Any], traced: Traced, lanes: int, optimizer: Optimizer | None
) -> CPrograms:
    """The programs of a trace of the function; of so many samples, or of 0: none.

    Raises a CompileError that names what C cannot express.
    """
    _check(traced, optimizer)
    r = traced.recording
    known = {id(v) for v in function.parameters}
    leaves = [*function.parameters, *(v for v in r.parameters if id(v) not in known)]
    memo: dict[int, Any] = {}
    optimizer = copy.deepcopy(optimizer, memo)
    own = [copy.deepcopy(v, memo) for v in leaves]
    store = Store(function.dtype)
    store.take(own)
    others = replace(r, parameters=[copy.deepcopy(v, memo) for v in r.parameters])
    places = np.array([place_of(v) for v in others.parameters], np.int64)
    trained = [] if optimizer is None else optimizer.param_groups
    units = []
    for mode, groups in ((VALUE, []), (GRADIENT, trained)):
        arguments = Arguments.of(traced.stand_ins, lanes)
        size = np.dtype(function.dtype).itemsize
        unit = Compilation(
            others, arguments, places, len(own), mode, groups, size, wide_ends=False,
            may_be_alone=False,
        )  # fmt: skip
        unit = compiled(unit)
        unit.program = without_padding(fuse(unit.program))
        units.append(unit)
    value, gradient = units
    given = given_names(function.fn, r.parameters, function.batch)
    in_arrays = gradient.sequence is None
    return CPrograms(
        function, traced, given,
        recovered(gradient, replace(traced, recording=others), given) if in_arrays else None,
        {} if in_arrays else variables(function.fn, traced),
        leaves, value, gradient,
        None if optimizer is None else _update(optimizer, store, others.parameters, gradient),
    )  # fmt: skip


def _check(traced: Traced, optimizer: Optimizer | None) -> None:
    traced.check_stateless("the function")
    if traced.left:
        raise CompileError(
            "cannot be written in C: the function leaves Values behind (an attribute or an entry "
            f"{traced.left[0].key!r}); return them: `return loss, values`"
        )
    if optimizer is None:
        return
    own = [n for n in ("step", "updates", "apply")
           if getattr(type(optimizer), n) is not getattr(Optimizer, n)]  # fmt: skip
    if own:
        raise CompileError(
            f"cannot be written in C: {type(optimizer).__name__} has its own {own[0]}; let it "
            "have its own direction alone"
        )
    if any(is_frozen(p) for group in optimizer.param_groups for p in group["params"]):
        raise CompileError(
            "cannot be written in C: a parameter of the optimiser does not require gradients; "
            "leave it out of the optimiser"
        )


def _update(
    optimizer: Optimizer, store: Store, leaves: Sequence[Value], gradient: Compilation
) -> UpdateCompilation | None:
    touched = gradient.touched
    if not len(touched.used) + len(touched.chosen):
        return None
    memory = Memory(optimizer, store)
    memory.refresh()
    memory.settle()
    trained = {id(v) for group in optimizer.param_groups for v in scalars(group["params"])}
    if not memory.starts_exactly([v for v in leaves if id(v) in trained]):
        raise CompileError(
            f"cannot be written in C: the first step of {type(optimizer).__name__} is another than "
            "those after it; make one step before exporting"
        )
    sets = np.concatenate([np.zeros(len(touched.used), np.int64), 1 + touched.flag])
    memory.split(sets, np.concatenate([touched.used, touched.chosen]))
    memory.note_steps(touched.used)
    unit = UpdateCompilation(
        memory, touched, gradient.size, gradient.flags_from, gradient.number_bytes
    )
    unit = compiled(unit)
    unit.program = fuse(unit.program)
    return unit


def without_padding(program: Program) -> Program:
    """The program, in whose sums of unequal length nothing is added to fill up."""
    parts = tuple(_unpadded(x) if isinstance(x, Nest) else x for x in program.sequence)
    return replace(program, sequence=parts)


def _unpadded(nest: Nest) -> Nest:
    body = []
    for s in nest.body:
        if s.starts is not None and isinstance(s.inputs[0], Listed):
            real = s.inputs[0].index != 0  # work[0] stays 0
            starts = np.concatenate([[0], np.cumsum(real)])[s.starts]
            inputs = tuple(Listed(x.space, x.index[real]) for x in s.inputs)
            s = replace(s, inputs=inputs, starts=starts)
        body.append(s)
    return replace(nest, body=tuple(body))
