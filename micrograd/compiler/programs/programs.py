"""The programs of one compiled function: one for each shape of its arguments, built when needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.backends import Executable
from micrograd.compiler.compilation import GRADIENT, STEP, VALUE, Compilation, UpdateCompilation
from micrograd.compiler.nest.ir import PARAMETERS, STATE
from micrograd.compiler.passes import compiled
from micrograd.compiler.programs.patience import ANOTHER_WAY, Patience
from micrograd.compiler.programs.rebuilds import Rebuilds
from micrograd.compiler.programs.traces import MOST_PROGRAMS, MOST_VARIANTS, Traces, keep
from micrograd.compiler.programs.trained import TrainedLeaves
from micrograd.compiler.running.runner import Runner, load
from micrograd.compiler.running.stepping import Stepping
from micrograd.compiler.store import places_of
from micrograd.compiler.trace.arguments.stand_ins import CallShape
from micrograd.compiler.trace.forms import name_of
from micrograd.compiler.trace.numbers.refusing import InexactError
from micrograd.compiler.trace.recording import by_use
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.world.around import NumbersChanged
from micrograd.compiler.trace.world.reachable import located
from micrograd.compiler.update.members import Members
from micrograd.interrupts import uncollected


def _key(mode: str, inputs: tuple[Any, ...]) -> Any:
    """What tells programs apart at a glance."""
    sizes = [x.shape if type(x) is np.ndarray else len(x) if type(x) in (list, tuple) else x
             if type(x) in (str, bool) else type(x) for x in inputs]  # fmt: skip
    return mode, *sizes


def _is_sentence(x: Any) -> bool:
    """Whether it is a list of integers, as of tokens, of which the next is likely to be longer."""
    return type(x) is list and len(x) > 1 and type(x[0]) is int


def _program_of(mode: str) -> str:
    """A step is the program of the gradient, and an update after it."""
    return GRADIENT if mode is STEP else mode


class Programs:
    """Traces, builds and keeps programs; traces again when they may have become others."""

    def __init__(
        self,
        fn: Callable[..., Any],
        leaves: TrainedLeaves,
        batch: bool,
        backend: str,
        dtype: str,
        threads: int = 1,
        rebuilds: Rebuilds | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._fn, self.leaves = fn, leaves
        self._optimizer = leaves.optimizer
        self.batch, self._backend, self._dtype = batch, backend, dtype
        self._threads = threads
        self._rebuilds = Rebuilds(name_of(fn)) if rebuilds is None else rebuilds
        self.patience = Patience() if patience is None else patience
        self.traces = Traces(fn, leaves.known, batch, self._rebuilds, self.patience, dtype)
        self._runners: OrderedDict[tuple[str, CallShape], list[Runner]] = OrderedDict()
        self._updates: OrderedDict[Any, Stepping] = OrderedDict()
        self._last: dict[str, Runner] = {}  # by mode, the program that ran last
        self._like: dict[Any, list[Runner]] = {}  # by mode and lengths, those that ran last
        self._safe = False  # whether sides that are not taken are kept from being infinite
        self.newest: Runner | None = None  # of the program that ran last
        self.mode = VALUE  # and how

    def __len__(self) -> int:
        return sum(map(len, self._runners.values()))

    def another(self) -> Programs:
        """Programs of the same function, for other decisions; what is trained is known to both."""
        made = Programs(
            self._fn, self.leaves, self.batch, self._backend, self._dtype, self._threads,
            self._rebuilds, self.patience,
        )  # fmt: skip
        made._updates, made.traces.constant = self._updates, self.traces.constant
        return made

    def look_around(self) -> None:
        """Raise NumbersChanged if nothing but numbers has changed around the function."""
        captured = None if self.newest is None else self.newest.traced.captured
        if captured is None or captured.same():
            return
        changed = captured.changed_numbers(arrays=not self.batch)
        places = [place for place in changed if place.identity not in self.traces.constant]
        if places:
            raise NumbersChanged(places)

    def traced(self, inputs: tuple[Any, ...]) -> Traced:
        """The trace for arguments of this shape."""
        traced = self.traces.of(inputs, self.patience.runs)
        self.leaves.meet(traced)
        return traced

    def starts_exactly(self, inputs: tuple[Any, ...]) -> bool:
        """False if the rule's first step is not one from a state of zeros, and is yet to come."""
        # First of all the trace: from a store Python reads parameters slowly.
        return self.leaves.starts_exactly(self.traced(inputs).recording)

    def again(self, mode: str, inputs: tuple[Any, ...]) -> Runner | None:
        """The program that ran last in this mode, if these arguments are like those it had."""
        last = self._last.get(mode)
        taken = last is not None and (last.holds(inputs) or last.refill_at_once(inputs))
        if last is not None and taken and last.fits(mode):
            return self._chosen(last, mode)
        for runner in self._like.get(_key(mode, inputs), ()):
            if runner.fits(mode) and runner.refill(inputs):
                self._last[mode] = runner
                return self._chosen(runner, mode)
        return None

    def _chosen(self, runner: Runner, mode: str) -> Runner:
        self.newest, self.mode = runner, mode
        self.patience.runs += 1
        return runner

    def ready(self, mode: str, inputs: tuple[Any, ...]) -> Runner | None:
        """The program for these arguments, pointed at them, if there is nothing left to check."""
        found = self._runners.get((_program_of(mode), self.traces.whole_shape(inputs)), ())
        runner = next((r for r in found if r.traced.verified and r.fits(mode)), None)
        if runner is None:
            return None
        traced = runner.traced
        if not traced.is_exact(inputs):
            return None
        if traced.is_due() or (traced.tried and self.traces.untried(traced, inputs)):
            return None
        if not runner.refill(inputs):
            runner.take(inputs, final=True)
        return self._chosen(runner, mode)

    def waits(self, mode: str, inputs: tuple[Any, ...]) -> bool:
        """Whether there is no program for these arguments, and it is too early for one.

        For integers that a program does not hold exactly there never is.
        """
        if not self.traces.is_exact(inputs):
            return True
        if not self._may_wait(mode):
            return False
        if not self.traces.has(inputs):
            return self.patience.waits(self.traces.sample(inputs)[2])
        shape = self.traces.whole_shape(inputs)
        known = not self.batch or (_program_of(mode), shape) in self._runners
        return not known and self.patience.waits(shape, traced=True)

    def waits_for_another_way(self, mode: str) -> bool:
        """Whether it is too early for a program that goes another way than those there are."""
        return self._may_wait(mode) and self.patience.waits(ANOTHER_WAY)

    def _may_wait(self, mode: str) -> bool:
        """Whether the function itself does all that its program does."""
        return self.newest is not None and (mode is not GRADIENT or not self.leaves.are_met)

    def runner(self, mode: str, inputs: tuple[Any, ...]) -> Runner | None:
        """The program for these arguments, pointed at them; None if it is too early for one."""
        runner = self.again(mode, inputs)
        if runner is None:
            self.look_around()
            if self.waits(mode, inputs):
                return None
            try:
                with located(self._fn):
                    runner = self.ready(mode, inputs) or uncollected(
                        lambda: self._checked_runner(mode, inputs)
                    )
            except InexactError:
                return None
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
        key = _program_of(mode), self.traces.whole_shape(inputs)
        if not self.traces.hold(inputs):
            self._runners.clear()
            self._forget()
        found = self._runners.get(key, ())
        runner = next((r for r in found if self._still(r, mode)), None)
        if runner is None:
            runner = self._build(key[0], inputs)
            key = key[0], self.traces.whole_shape(inputs)  # of which more may be known now
            self.traces.check_samples(runner.traced, inputs)
            keep(self._runners, key, runner)
        self._runners.move_to_end(key)
        if mode is STEP and not (runner.stepping and runner.stepping.follow()):
            runner.followed_by(self._stepping(runner))
        runner.take(inputs, final=runner.traced.verified)
        return self._chosen(runner, mode)

    def _build(self, mode: str, inputs: tuple[Any, ...]) -> Runner:
        traced = self.traced(inputs)
        r = traced.recording
        leaves = r.parameters
        if self.leaves.are_met:
            leaves = [r.parameters[k] for k in by_use(r)] + leaves
        store = self.leaves.take([*leaves, *self.leaves.parameters, *traced.assigned])
        groups = [] if self._optimizer is None or mode == VALUE else self._optimizer.param_groups
        members = Members(groups) if groups else None
        lanes = self.traces.sample(inputs)[0]
        places = places_of(r.parameters)
        arguments = Arguments.of(traced.stand_ins, lanes)
        number_bytes = np.dtype(self._dtype).itemsize
        unit = Compilation(
            r, arguments, places, len(store.values), mode, groups, number_bytes, self._threads,
            safe=self._safe,
        )  # fmt: skip

        alike = not lanes and (bool(self._runners) or any(map(_is_sentence, inputs)))

        def build() -> Runner:
            made = compiled(unit, self._backend)
            return Runner(made, traced, self._backend, self._dtype, store, members, alike)

        return self.patience.building(
            build, self.traces.whole_shape(inputs) if self.batch else None
        )

    def _still(self, runner: Runner, mode: str) -> bool:
        """Whether the program before an update is the right one still."""
        if not runner.fits(GRADIENT):
            return False
        return mode is not STEP or (self._optimizer is not None and runner.trains(self._optimizer))

    def _stepping(self, runner: Runner) -> Stepping:
        """The update after a program: one that another program has, too, if it is the same."""
        memory, touched = self.leaves.memory(), runner.unit.touched
        sets = np.concatenate([np.zeros(len(touched.used), np.int64), 1 + touched.flag])
        memory.split(sets, np.concatenate([touched.used, touched.chosen]))
        size, flags_from = runner.unit.size, runner.unit.flags_from
        unit = UpdateCompilation(memory, touched, size, flags_from, runner.unit.number_bytes)
        if not len(touched.used) + len(touched.chosen):
            self.leaves.check(runner.traced.recording)
            return Stepping(unit, None, 0.0)
        places = (touched.used, touched.chosen, touched.flag)
        key = memory.version, size, len(touched.flags), *(x.tobytes() for x in places)
        found = self._updates.get(key)
        if found is None or found.unit.memory is not memory or not found.follow():
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
