"""The passes one by one, each result checked before the next pass has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from checkers import check_groups, check_layout, check_recording
from hypothesis import HealthCheck, settings
from interpret import run

from micrograd import Value
from micrograd.compiler import passes as compiler_passes
from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.arrays.layout import Homes, Layout, lay_out
from micrograd.compiler.arrays.loops import Loops, SampleAxis, loops_of, placed
from micrograd.compiler.arrays.schedule import Group, schedule
from micrograd.compiler.arrays.widths import NoArrays
from micrograd.compiler.compilation import GRADIENT, VALUE, Compilation
from micrograd.compiler.graph.builder import Builder, Symbols
from micrograd.compiler.graph.builder import Lanes as Numbers
from micrograd.compiler.graph.graph import CONSTANT, INPUT, LARGEST, PARAMETER, Graph, check
from micrograd.compiler.graph.normal_form import Leaves, normal_form
from micrograd.compiler.nest import verify
from micrograd.compiler.nest.ir import PARAMETERS, WORK, Program, Space, argument, integers
from micrograd.compiler.passes import compiled as passed
from micrograd.compiler.trace.arguments.stand_ins import StandIns, flat, stand_ins
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.recording import Recording, record
from micrograd.compiler.trace.traceable import Traceable
from micrograd.compiler.trace.watching import Watch

ALONE = SampleAxis(0, {})  # no samples


@contextmanager
def no_arrays() -> Iterator[pytest.MonkeyPatch]:
    """Inside, all programs are taken to have no arrays."""
    with pytest.MonkeyPatch.context() as patch:

        def refused(*args: Any) -> Any:
            if args[4:] and args[4]:
                raise NoArrays
            return schedule(*args)

        patch.setattr(compiler_passes, "schedule", refused)
        yield patch


def many(examples: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples, derandomize=True, database=None,
        suppress_health_check=slow,
    )  # fmt: skip


@contextmanager
def traced() -> Iterator[Tracer]:
    """A trace of what is done inside."""
    with watched(Tracer()) as tracer:
        yield tracer


@contextmanager
def watched(tracer: Any) -> Iterator[Any]:
    """What is done inside is seen by this tracer."""
    watch = Watch(tracer)
    watch.begin()
    try:
        yield tracer
    finally:
        watch.end()


def recorded(
    fn: Callable[..., Any], *arguments: Any, given: Iterable[Value] = ()
) -> tuple[Recording, StandIns]:
    """The recording of one trace, whose result is a Value or several, and its inputs."""
    with traced() as tracer:
        made = stand_ins(arguments, tracer)
        result = fn(*made.arguments)
        outputs = [result] if isinstance(result, Value) else list(result)
        r = record(tracer, outputs, given)
    check_recording(r, len(made.values))
    return r, made


def graph_of(
    fn: Callable[..., Any], *arguments: Any, given: Iterable[Value] = (), lanes: int = 0
) -> tuple[Graph, Leaves]:
    """The normal form of a program."""
    r, made = recorded(fn, *arguments, given=given)
    g, leaves = normal_form(r, np.array(made.values), lanes)
    check(g)
    return g, leaves


def anywhere(g: Graph, **given: Any) -> Homes:
    """No node has to be anywhere, but for what is `given`."""
    zeros, none = np.zeros(len(g), np.int64), np.full(len(g), -1)
    fields = {"home": zeros, "address": zeros, "spaces": (), "pins": none}
    return Homes(**{**fields, **given})


def grouped(
    g: Graph, places: Homes | None = None, lanes: Any = None
) -> tuple[list[Group], np.ndarray]:
    places = places or anywhere(g)
    lanes = np.zeros(len(g), bool) if lanes is None else lanes
    pinned = places.pins >= 0
    groups, of = schedule(g, places.home, lanes, pinned)
    check_groups(g, groups, of, places.home, lanes, pinned)
    return groups, of


def laid_out(
    g: Graph, places: Homes | None = None, lanes: Any = None, top: int = 0
) -> tuple[list[Group], np.ndarray, Layout]:
    places = places or anywhere(g)
    groups, of = grouped(g, places, lanes)
    layout = lay_out(g, groups, places, top, 0)
    check_layout(groups, layout, places, top, 0)
    return groups, of, layout


def looped(g: Graph, places: Homes | None = None) -> tuple[Loops, Layout]:
    groups, of, layout = laid_out(g, places)
    loops = Loops(layout.top, layout.lanes_top, ALONE)
    loops_of(g, groups, of, layout, loops)
    return loops, layout


def written(
    g: Graph | None, layout: Layout | None, loops: Loops, spaces: dict[Space, Any] | None = None,
    lanes: SampleAxis | None = None, groups: Sequence[Group] | None = None,
) -> np.ndarray:  # fmt: skip
    """Work after the loops have run; leaves, and nodes that are constant, are there before."""
    base = loops.free[WORK]
    spaces = dict(spaces or {})
    if WORK not in spaces:
        spaces[WORK] = np.zeros(base)
        if g is not None and layout is not None:
            leaves = np.isin(g.kind, (PARAMETER, INPUT, CONSTANT))
            spaces[WORK][layout.address[leaves]] = g.value[leaves]
    if g is not None and layout is not None:
        for group in grouped(g)[0] if groups is None else groups:
            if group.constant is not None:
                spaces[WORK][layout.address[group.nodes]] = group.constant
    nests = tuple(placed(nest, base) for nest in loops.all)
    sizes = {space: len(x) for space, x in spaces.items() if space is not WORK}
    program = Program(nests, spaces[WORK], sizes, 0, ())
    verify.check(program)
    run(program, spaces)
    return spaces[WORK]


@dataclass
class Ran:
    """What a program left behind."""

    built: Compilation
    loss: float
    outputs: np.ndarray
    gradient: np.ndarray


def compiled(
    fn: Callable[..., Any], parameters: Sequence[Value], *arguments: Any, lanes: int = 0,
    mode: str = GRADIENT,
) -> tuple[Compilation, Recording]:  # fmt: skip
    """The program for a loss and its gradient; with lanes, `arguments` are one sample's."""
    found = Traceable(fn, list(parameters)).trace(arguments)
    r = found.recording
    check_recording(r, len(found.stand_ins.values))
    count = len(r.parameters)
    made = Arguments.of(found.stand_ins, lanes)
    built = passed(Compilation(r, made, np.arange(count), count, mode))
    verify.check(built.program)
    return built, r


def ran(
    fn: Callable[..., Any], parameters: Sequence[Value], *arguments: Any, batch: bool = False
) -> Ran:
    """Compile and interpret; with `batch`, arguments have one more axis, of the samples."""
    sample = tuple(x[0] for x in arguments) if batch else arguments
    lanes = len(arguments[0]) if batch else 0
    built, r = compiled(fn, parameters, *sample, lanes=lanes)
    return interpreted(built, r, *arguments)


def alone(fn: Callable[..., Any], parameters: Sequence[Value], *arguments: Any) -> float:
    """The loss of a program that has no gradient, interpreted."""
    built, r = compiled(fn, parameters, *arguments, mode=VALUE)
    return interpreted(built, r, *arguments).loss


def interpreted(built: Compilation, r: Recording, *arguments: Any) -> Ran:
    program = built.program
    spaces: dict[Space, Any] = {name: np.zeros(n) for name, n in program.sizes.items()}
    spaces[WORK] = program.work.copy()
    spaces[PARAMETERS][:] = [v._data for v in r.parameters]
    for k, x in enumerate(arguments):
        for space, dtype in ((argument(k), np.float64), (integers(k), np.int64)):
            if space in spaces:
                spaces[space] = flat(x, dtype)
                assert len(spaces[space]) == program.sizes[space]
    loss = run(program, spaces)
    work = spaces[WORK]
    first = built.gradients
    gradient = work[first : first + len(r.parameters)].copy()
    return Ran(built, loss, work[built.outputs], gradient)


def largest_nodes(builder: Builder, count: int) -> np.ndarray:
    """Nodes that are the largest of their terms, which follow."""
    none = np.full(count, -1)
    first = builder.size
    kinds, nan = np.full(count, LARGEST), np.full(count, np.nan)
    builder.block(kinds, none, [none] * 3, nan, np.ones(count, bool), 0)
    return np.arange(first, builder.size)


def random_graph(rng: np.random.Generator, nodes: int) -> Graph:
    """Layers of nodes that are alike, with some that are not."""
    builder = Builder()
    symbols = Symbols(builder)
    pool = [
        builder.leaves(PARAMETER, rng.normal(size=4)),
        builder.leaves(INPUT, rng.normal(size=5)),
        builder.leaves(CONSTANT, rng.choice([0.5, 2.0, 2.0, -1.0], size=3)),
    ]

    def some(count: int) -> Numbers:
        ids = pool[rng.integers(len(pool))].ids
        if rng.random() < 0.3:
            ids = np.concatenate([x.ids for x in pool])
        return Numbers(builder, rng.choice(ids, count))

    while builder.size < nodes:
        count = int(rng.integers(1, 5))
        if rng.random() < 0.3:
            name = str(rng.choice(["tanh", "maximum", "select", "relu", "sin"]))
            arity = {"maximum": 2, "select": 3}.get(name, 1)
            pool.append(getattr(symbols, name)(*[some(count) for _ in range(arity)]))
            continue
        ids = builder.block_of_sums(count)
        builder.define(ids, [(some(count), None, 0.5)])
        for _ in range(int(rng.integers(4))):
            own = rng.choice(ids, int(rng.integers(1, count + 1)))
            v = some(len(own)).ids if rng.random() < 0.6 else np.full(len(own), -1)
            c = rng.choice([1.0, 0.5, -0.25], len(own)) if rng.random() < 0.3 else 0.3
            builder.add_terms(own, some(len(own)).ids, v, c)
        if rng.random() < 0.2:
            builder.add_terms(ids, -1, -1, float(rng.normal()))
        pool.append(Numbers(builder, ids))
    return builder.graph()
