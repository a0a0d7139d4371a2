"""The programs of one compiled function: one for each shape of its arguments, built when needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.backends import Executable
from micrograd.compiler.fallback import eager_value
from micrograd.compiler.nest.ir import PARAMETERS, STATE
from micrograd.compiler.passes import (
    GRADIENT,
    STEP,
    VALUE,
    Compilation,
    UpdateCompilation,
    compiled,
)
from micrograd.compiler.rebuilds import Rebuilds
from micrograd.compiler.runner import Runner, load
from micrograd.compiler.stepping import Stepping
from micrograd.compiler.store import Store, place_of, store_of
from micrograd.compiler.trace.around import NumbersChanged
from micrograd.compiler.trace.forms import name_of
from micrograd.compiler.trace.given import copies
from micrograd.compiler.trace.reachable import located
from micrograd.compiler.trace.recording import by_use, met
from micrograd.compiler.trace.stand_ins import CallShape, first_samples, flat, shape_of
from micrograd.compiler.trace.traceable import Traceable
from micrograd.compiler.trace.traced import Calls, Traced
from micrograd.compiler.update.members import Members
from micrograd.compiler.update.memory import Memory
from micrograd.engine import Value
from micrograd.errors import ArgumentValueError, CompileError
from micrograd.interrupts import uncollected
from micrograd.nn.module import Module
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars

MOST_PROGRAMS = 64  # for each function; the one that was not used for longest goes first
MOST_VARIANTS = 4  # of them for one shape: as for a model that trains and one that does not


def _key(mode: str, inputs: tuple[Any, ...]) -> Any:
    """What tells programs apart at a glance."""
    sizes = [x.shape if type(x) is np.ndarray else len(x) if type(x) in (list, tuple) else x
             if type(x) in (str, bool) else type(x) for x in inputs]  # fmt: skip
    return mode, *sizes


def _add(kept: OrderedDict[Any, list[Any]], key: Any, new: Any) -> None:
    """Keep one more for a key, and of each what was made last."""
    kept[key] = [new, *kept.get(key, ())][:MOST_VARIANTS]
    if len(kept) > MOST_PROGRAMS:
        kept.popitem(last=False)


def _program_of(mode: str) -> str:
    """A step is the program of the gradient, and an update after it."""
    return GRADIENT if mode is STEP else mode


class Programs:
    """Traces, builds and keeps programs; traces again when they may have become others."""

    def __init__(
        self,
        fn: Callable[..., Any],
        parameters: list[Value] | None,
        optimizer: Optimizer | None,
        batch: bool,
        backend: str,
        dtype: str,
        threads: int = 1,
    ) -> None:
        self._fn = fn
        self._optimizer = optimizer
        self._batch, self._backend, self._dtype = batch, backend, dtype
        self._threads = threads
        self._explicit = parameters
        self._ordered: tuple[Members, list[Value]] | None = None  # those of the optimiser
        self._home: tuple[Store, int, set[Value]] | None = None  # and where they are, with others
        model = getattr(fn, "__self__", fn)
        self._met: list[Value] = (
            list(scalars(model.parameters())) if isinstance(model, Module) else []
        )
        self._runners: OrderedDict[tuple[str, CallShape], list[Runner]] = OrderedDict()
        self._updates: OrderedDict[Any, Stepping] = OrderedDict()
        self._traces: OrderedDict[CallShape, list[Traced]] = OrderedDict()
        self._last: dict[str, Runner] = {}  # by mode, the program that ran last
        self._like: dict[Any, list[Runner]] = {}  # by mode and lengths, those that ran last
        self._calls = Calls()
        self._rebuilds = Rebuilds(name_of(fn))
        self._runs = 0
        self._safe = False  # whether sides that are not taken are kept from being infinite
        self._new: Traced | None = None  # traced in this call: not to be verified yet
        self.newest: Runner | None = None  # of the program that ran last
        self.constant: set[Any] = set()  # places of numbers that cannot be inputs
        self.mode = VALUE  # and how

    def __len__(self) -> int:
        return sum(map(len, self._runners.values()))

    def another(self) -> Programs:
        """Programs of the same function, for other decisions; what is trained is known to both."""
        made = Programs(
            self._fn, self._explicit, self._optimizer, self._batch, self._backend, self._dtype,
            self._threads,
        )  # fmt: skip
        made._rebuilds = self._rebuilds
        made._met, made._updates, made.constant = self._met, self._updates, self.constant
        return made

    def look_around(self) -> None:
        """Raise NumbersChanged if nothing but numbers has changed around the function."""
        captured = None if self.newest is None else self.newest.traced.captured
        if captured is None or self._batch or captured.same():
            return
        changed = captured.changed_numbers()
        places = [place for place in changed if place.identity not in self.constant]
        if places:
            raise NumbersChanged(places)

    def knows(self, inputs: tuple[Any, ...]) -> bool:
        """Whether there is a trace for arguments of this shape."""
        return self._sample(inputs)[2] in self._traces

    @property
    def parameters(self) -> list[Value]:
        """What gradients are taken by: those given, or the optimiser's, in its order.

        Else those of a model, as its `parameters()` has them, and what else was met so far.
        """
        if self._explicit is not None:
            return self._explicit
        if self._optimizer is None:
            return self._met
        return self._trained()

    def starts_exactly(self, inputs: tuple[Any, ...]) -> bool:
        """False if the rule's first step is not one from a state of zeros, and is yet to come."""
        # First of all the trace: from a store Python reads parameters slowly.
        recording = self.traced(inputs).recording
        memory = self._memory()
        if memory.always_starts_exactly:
            return True
        known = {id(v) for v in self._trained()}
        used = [recording.parameters[k] for k in met(recording)]
        return memory.starts_exactly([v for v in used if id(v) in known])

    def again(self, mode: str, inputs: tuple[Any, ...]) -> Runner | None:
        """The program that ran last in this mode, if these arguments are like those it had."""
        runner = self._last.get(mode)
        if runner is not None and runner.holds(inputs) and runner.fits(mode):
            return self._chosen(runner, mode)
        for runner in self._like.get(_key(mode, inputs), ()):
            if runner.fits(mode) and runner.refill(inputs):
                self._last[mode] = runner
                return self._chosen(runner, mode)
        return None

    def _chosen(self, runner: Runner, mode: str) -> Runner:
        self.newest, self.mode = runner, mode
        self._runs += 1
        if runner.traced.left:
            runner.leave()
        return runner

    def ready(self, mode: str, inputs: tuple[Any, ...]) -> Runner | None:
        """The program for these arguments, pointed at them, if there is nothing left to check."""
        found = self._runners.get((_program_of(mode), shape_of(inputs)), ())
        runner = next((r for r in found if r.traced.verified and r.fits(mode)), None)
        if runner is None:
            return None
        if runner.traced.is_due() or (runner.traced.tried and self._untried(runner.traced, inputs)):
            return None
        if not runner.refill(inputs):
            runner.take(inputs, final=True)
        return self._chosen(runner, mode)

    def runner(self, mode: str, inputs: tuple[Any, ...]) -> Runner:
        """The program for these arguments, pointed at them."""
        runner = self.again(mode, inputs)
        if runner is None:
            self.look_around()
            with located(self._fn):
                runner = self.ready(mode, inputs) or uncollected(
                    lambda: self._checked_runner(mode, inputs)
                )
            self.keep(mode, inputs, runner)
        return runner

    def _forget(self) -> None:
        self._last.clear()
        self._like.clear()

    def keep(self, mode: str, inputs: tuple[Any, ...], runner: Runner | None) -> Runner | None:
        """Note what ran last in a mode, for arguments of these lengths."""
        if runner is not None:
            if len(self._like) > MOST_PROGRAMS:
                self._like.clear()
            key = _key(mode, inputs)
            known = [r for r in self._like.get(key, ()) if r is not runner]
            self._like[key] = [runner, *known][:MOST_VARIANTS]
            self._last[mode] = runner
        return runner

    def make_safe(self, runner: Runner) -> bool:
        """Build programs anew in which a side that is not taken makes no nan; False if they are.

        Called after a result that is not finite: most programs do without, and are faster.
        """
        if not runner.may_be_safer:
            return False
        self._safe = True
        self._runners.clear()
        self._forget()
        return True

    def _checked_runner(self, mode: str, inputs: tuple[Any, ...]) -> Runner:
        key = _program_of(mode), shape_of(inputs)
        traced = self._trace_of(self._sample(inputs)[2])
        fresh, self._new = self._new, None
        if traced is not None and traced is not fresh and not self._agrees(traced, inputs):
            self._traces.clear()
            self._runners.clear()
            self._forget()
        found = self._runners.get(key, ())
        runner = next((r for r in found if self._still(r, mode)), None)
        if runner is None:
            runner = self._build(key[0], inputs)
            self._new = None
            self._check_samples(runner.traced, inputs)
            _add(self._runners, key, runner)
        self._runners.move_to_end(key)
        if mode is STEP and not (runner.stepping and runner.stepping.follow()):
            runner.followed_by(self._stepping(runner))
        runner.take(inputs, final=runner.traced.verified)
        return self._chosen(runner, mode)

    def _agrees(self, traced: Traced, inputs: tuple[Any, ...]) -> bool:
        """Trace again when that is due, and for integers that were never tried.

        Raises a CompileError if the program is another now; False if all must be built anew.
        """
        again = [inputs] if not traced.verified or traced.due else []
        source = self._source()
        for arguments in again or self._untried(traced, inputs):
            sample = self._sample(arguments)[1]
            if not again:
                had = source.verify_more(traced, sample)
            else:
                had = sample if source.verify(traced, sample) else None
            if had is None:
                return False
            if not traced.compared:
                self._compare(traced, had)
        self._rebuilds.note_effects(traced.repeats)
        traced.verified, traced.due = True, False
        return True

    def _compare(self, traced: Traced, sample: tuple[Any, ...]) -> None:
        """Raise a CompileError if the function, run as it is, finds another loss."""
        if not np.isfinite(traced.loss):
            return  # of such a program the function itself is run
        for x in sample:
            flat(x, np.float64)  # which refuses what floats cannot hold
        loss = eager_value(self._fn, copies(sample), batch=False)
        loss = loss[0] if traced.outputs.has_aux else loss
        if not np.isclose(loss, traced.loss, rtol=1e-6, atol=1e-9, equal_nan=True):
            raise CompileError(
                f"cannot be compiled: {getattr(self._fn, '__qualname__', self._fn)} gives {loss!r} "
                f"when it runs by itself, and {traced.loss!r} while it is traced: it asks for the "
                "types of its arguments, or for something that changes from call to call"
            )
        traced.compared = True

    def _check_samples(self, traced: Traced, inputs: tuple[Any, ...]) -> None:
        """Try the integers of all samples of a batch of which the first was traced."""
        for arguments in self._untried(traced, inputs) if self._batch else ():
            sample = self._sample(arguments)[1]
            if not self._source().verify(traced, sample):
                raise CompileError(
                    "cannot be compiled: the integers of some samples are negative, or index "
                    "longer tables than those of the first sample"
                )

    def _untried(self, traced: Traced, inputs: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Arguments to trace for the integers among these that no trace has had."""
        for group, numbers in traced.stand_ins.integers_in(inputs) if traced.tried else ():
            if not traced.tried[group].issuperset(numbers):
                if not self._batch:
                    return [inputs]
                return [tuple(x[i : i + 1] for x in inputs) for i in range(len(inputs[0]))]
        return []

    def _build(self, mode: str, inputs: tuple[Any, ...]) -> Runner:
        traced = self.traced(inputs)
        r = traced.recording
        leaves = r.parameters
        if self._explicit is None and self._optimizer is None:
            leaves = [r.parameters[k] for k in by_use(r)] + leaves
        store = self.take([*leaves, *self.parameters])
        groups = [] if self._optimizer is None or mode == VALUE else self._optimizer.param_groups
        members = Members(groups) if groups else None
        lanes = self._sample(inputs)[0]
        places = np.array([place_of(v) for v in r.parameters], np.int64)
        arguments = Arguments.of(traced.stand_ins, lanes)
        number_bytes = np.dtype(self._dtype).itemsize
        unit = Compilation(
            r, arguments, places, len(store.values), mode, groups, number_bytes, self._threads,
            safe=self._safe,
        )  # fmt: skip
        unit = compiled(unit, self._backend)
        return Runner(unit, traced, self._backend, self._dtype, store, members)

    def _still(self, runner: Runner, mode: str) -> bool:
        """Whether the program before an update is the right one still."""
        if not runner.fits(GRADIENT):
            return False
        return mode is not STEP or (self._optimizer is not None and runner.trains(self._optimizer))

    def _stepping(self, runner: Runner) -> Stepping:
        """The update after a program: one that another program has, too, if it is the same."""
        memory, touched = self._memory(), runner.unit.touched
        sets = np.concatenate([np.zeros(len(touched.used), np.int64), 1 + touched.flag])
        memory.split(sets, np.concatenate([touched.used, touched.chosen]))
        size, flags_from = runner.unit.size, runner.unit.flags_from
        unit = UpdateCompilation(memory, touched, size, flags_from, runner.unit.number_bytes)
        if not len(touched.used) + len(touched.chosen):
            return Stepping(unit, None, 0.0)
        places = (touched.used, touched.chosen, touched.flag)
        key = memory.version, size, len(touched.flags), *(x.tobytes() for x in places)
        found = self._updates.get(key)
        if found is None or found.unit.memory is not memory:
            start = perf_counter()
            unit = compiled(unit, self._backend)
            found = Stepping(unit, self._load(unit), 1e3 * (perf_counter() - start))
            if self._backend == "llvm":  # of which one may follow several programs
                self._updates[key] = found
                if len(self._updates) > MOST_PROGRAMS:
                    self._updates.popitem(last=False)
        return found

    def _load(self, unit: UpdateCompilation) -> Executable:
        executable = load(unit.program, self._backend, self._dtype)
        executable.point(PARAMETERS, unit.memory.store.numbers)
        executable.point(STATE, unit.memory.numbers)
        return executable

    def traced(self, inputs: tuple[Any, ...]) -> Traced:
        """The trace for arguments of this shape."""
        _, sample, shape = self._sample(inputs)
        traced = self._trace_of(shape)
        if traced is None:
            self._note_rebuild(shape)
            with located(self._fn):
                traced = uncollected(lambda: self._source().trace(sample))
            traced.calls = self._calls
            self._new = traced
            _add(self._traces, shape, traced)
            if self._explicit is None and self._optimizer is None:
                self._meet(traced)
        return traced

    def _note_rebuild(self, shape: CallShape) -> None:
        """Note that there will be one more program, and why."""
        known = self._traces.get(shape)
        captured = known[0].captured if known else None
        changes = captured.changes() if captured else []
        if changes or self._traces:
            self._rebuilds.note(self, self._runs, changes, shape)

    def _trace_of(self, shape: CallShape) -> Traced | None:
        """The trace for a shape with everything around the function as it is now."""
        traces = self._traces.get(shape, ())
        return next((t for t in traces if t.captured and t.captured.same()), None)

    def _meet(self, traced: Traced) -> None:
        known = {id(v) for v in self._met}
        for number in met(traced.recording):
            v = traced.recording.parameters[number]
            if id(v) not in known:
                self._met.append(v)

    def _sample(self, inputs: tuple[Any, ...]) -> tuple[int, tuple[Any, ...], CallShape]:
        """How many lanes there are (0: none), what is traced, and its shape."""
        if not self._batch:
            return 0, inputs, shape_of(inputs)
        lanes, sample = first_samples(inputs)
        return lanes, sample, shape_of(sample)

    def _source(self) -> Traceable:
        known = dict.fromkeys([*(self._explicit or ()), *self._trained()])
        return Traceable(self._fn, list(known), mean=self._batch)

    def _trained(self) -> list[Value]:
        """What the optimiser updates, in its order."""
        if self._optimizer is None:
            return []
        groups = self._optimizer.param_groups
        if self._ordered is None or not self._ordered[0].same(groups):
            trained = [v for group in groups for v in scalars(group["params"])]
            self._ordered, self._home = (Members(groups), trained), None
        return self._ordered[1]

    # ---- where parameters live -----------------------------------------------------------------

    def take(self, leaves: Sequence[Value]) -> Store:
        """Move leaves, and what the optimiser updates, into the store that the programs use."""
        trained = self._trained()
        if self._home is not None and self._home[1] == self._home[0].version:
            store, _, known = self._home
            if known.issuperset(leaves):
                return store
        wanted = list(dict.fromkeys([*trained, *leaves]))
        homes = [store_of(v) for v in wanted]
        store = next((home for home in homes if home is not None), None) or Store(self._dtype)
        if store.dtype != self._dtype:
            raise ArgumentValueError(
                f"the parameters are compiled with dtype={store.dtype!r} elsewhere, "
                f"here with {self._dtype!r}"
            )
        store.take(wanted)
        self._home = store, store.version, set(wanted)
        return store

    def _memory(self) -> Memory:
        optimizer = self._optimizer
        assert optimizer is not None
        store = self.take([])
        state: Any = optimizer.state
        memory = state if isinstance(state, Memory) and state.store is store else None
        if memory is None:
            memory = Memory(optimizer, store)
        memory.refresh()
        memory.settle()
        return memory
