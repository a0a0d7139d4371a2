"""A program with the arrays that it runs on, and the tests that these are still the right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from micrograd.compiler.backends import Executable
from micrograd.compiler.backends.numpy import load as load_numpy
from micrograd.compiler.compilation import STEP, Compilation
from micrograd.compiler.nest.ir import GRADIENTS, PARAMETERS, Program, SpaceRole
from micrograd.compiler.running.stepping import Stepping
from micrograd.compiler.running.taking import TakenArguments
from micrograd.compiler.store import Store, place_of, store_of
from micrograd.compiler.trace.recording import LARGEST_OF, met
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.world.left import Work
from micrograd.compiler.trace.world.watched import Watched, together, watched
from micrograd.compiler.update.members import Members
from micrograd.engine import Value, same_all
from micrograd.optim.optimizer import Optimizer
from micrograd.tensors.tensor import Tensor

LARGE = 1e60  # numbers whose products and sums might overflow
REACHED = 1  # the mark of a Value that some backward pass has come to


class Runner:
    """Runs one program; with an update that follows it, also steps."""

    def __init__(
        self,
        unit: Compilation,
        traced: Traced,
        backend: str,
        dtype: str,
        store: Store,
        members: Members | None,
        alike: bool = False,
    ) -> None:
        self.unit = unit
        self.traced = traced
        start = perf_counter()
        self.program = unit.program
        self.executable = load(unit.program, backend, dtype, alike)
        self.backend_milliseconds = 1e3 * (perf_counter() - start)
        self.has_aux = traced.outputs.has_aux
        self.has_more = self.has_aux or bool(traced.left or traced.assigned)  # than a loss
        self._outputs = unit.outputs[: len(unit.outputs) - len(traced.assigned)]
        self._set_from = unit.outputs[len(self._outputs) :]  # in work: numbers for leaves,
        self._set_to = np.array([place_of(v) for v in traced.assigned], np.int64)  # at these places
        assert traced.captured is not None
        self._captured = traced.captured
        self._tickets: dict[str, Watched] = {}  # by mode, all that was as it is for the last run
        self.store, self._version = store, store.version
        self._members = members  # of an optimiser, if it is known what its steps update
        self.stepping: Stepping | None = None
        self.owes = False  # whether the gradients of its last step are nowhere else
        self.executable.point(PARAMETERS, store.numbers)
        read = {space for space in unit.program.spaces_read() if space.is_argument}
        self._taken = taken = TakenArguments(self.executable, read, traced, dtype)
        self.holds, self.take = taken.holds, taken.take
        self.refill, self.refill_at_once = taken.refill, taken.refill_at_once
        self._used: np.ndarray | None = None  # places of the parameters that it reads
        self._left: np.ndarray | None = None  # numbers of what the function has left
        self._leaves: Sequence[Value] = ()  # whose derivatives were asked for,
        self._derivatives = np.zeros(0, np.int64)  # and where these are in work
        self._arrays: list[Tensor] = []  # around the function, and which of them are trained
        self._flags: list[bool] = []
        self._is_double = self.executable.work.dtype == np.float64

    def fits(self, mode: str) -> bool:
        """Whether parameters, state, options and captured numbers are where and what they were."""
        ticket = self._tickets.get(mode)
        if ticket is None or not same_all(*ticket):
            if not self._is_in_place(mode):
                return False
            self._note(mode)
        elif not self._captured.same_modules():
            return False
        return mode is not STEP or (self.stepping is not None and self.stepping.has_options())

    def _is_in_place(self, mode: str) -> bool:
        if not self._captured.same() or self.store.version != self._version:
            return False
        step = self.stepping
        if mode is not STEP:
            return True
        return step is not None and step.is_in_place() and self.trains(step.unit.memory.optimizer)

    def _note(self, mode: str) -> None:
        """Let all that `_is_in_place` has found be compared in one go the next time."""
        around = self._captured.watched
        if around is None:
            return
        attributes: list[Any] = [(self.store, "version", self.store.version)]
        parts = [around]
        if mode is STEP and self.stepping is not None and self._members is not None:
            parts.append(self._members.watched)
            optimizer = self.stepping.unit.memory.optimizer
            attributes += [(optimizer, "param_groups", optimizer.param_groups)]
            attributes += self.stepping.attributes
        self._tickets[mode] = together(*parts, watched([], [], attributes))

    def trains(self, optimizer: Optimizer) -> bool:
        """Whether it knows which parameters a step of that optimiser updates."""
        return self._members is not None and self._members.same(optimizer.param_groups)

    def followed_by(self, stepping: Stepping) -> None:
        """Let steps end with this update."""
        if stepping.executable is not None:
            self.executable.follow(stepping.executable, self.unit.gradients)
        self.stepping = stepping
        self._tickets.clear()

    def write_gradients(self) -> None:
        """Give each parameter that the last step could update its gradient in it."""
        assert self._members is not None
        leaves = self._members.parameters()
        gradient = self.gradient(leaves).tolist()
        reached = set(self.reached().tolist())
        for v, g in zip(leaves, gradient, strict=True):
            v.grad = g
            v._mark = REACHED if place_of(v) in reached else None

    def reached(self) -> np.ndarray:
        """The places of the parameters that the last step has updated."""
        touched, first = self.unit.touched, self.unit.gradients + self.unit.flags_from
        chosen = self.executable.work[first : first + len(touched.flags)][touched.flag] != 0
        return np.concatenate([touched.used, touched.chosen[chosen]])

    def _leave(self) -> None:
        """Let what the function leaves behind be the numbers of this program."""
        values = self.traced.outputs.values
        places = self._outputs[len(self._outputs) - len(values) :]
        if self._left is None:
            self._left = np.zeros(len(values), self.executable.work.dtype)
        self._left[:] = self.executable.work[places]  # which a run for nothing may change
        Work(self._left).hold(values)
        for left in self.traced.left:
            left.put()

    def is_lost(self) -> bool:
        """Whether the last run is not finite because what went in is nan, and right all the same.

        What depends on a nan is nan in whatever order it is computed. Sums that overflow are not:
        nothing may be infinite, nor the numbers that went in be large. A lookup by a run-time
        integer is a sum over its table, in which a nan would reach the other entries; a side that
        is not taken, or whose nan nobody reads, may be what is not finite. And `max` may pass a nan
        over, of which the program's largest number is nan.
        """
        r = self.traced.recording
        if r.choices or len(r.sides) or (r.row == LARGEST_OF).any():
            return False
        if self._used is None:
            self._used = self.unit.places[np.array(met(self.traced.recording), np.int64)]
        given = [x for space, x in self._taken.numbers.items() if space.role is not SpaceRole.IDS]
        read = [self.store.numbers[self._used], *given]
        lost = [np.isnan(x) for x in read]
        if not any(x.any() for x in lost):
            return False
        if not all((np.abs(x[~nan]) < LARGE).all() for x, nan in zip(read, lost, strict=True)):
            return False
        work, kept = self.executable.work, self.unit.program.checked
        checked = [work[first : first + size] for first, size in kept]
        if any(np.isinf(x).any() for x in [work[self.unit.outputs], *checked]):
            return False
        return not self.traced.outputs.conditional or self._is_right()

    def loss(self) -> float:
        """The loss of the last run, finite or not."""
        return float(self.executable.work[self.unit.outputs[0]])

    def update(self) -> None:
        """Make the update that a step leaves out where something is not finite."""
        update = None if self.stepping is None else self.stepping.executable
        if update is not None:
            first = self.unit.gradients
            update.point(GRADIENTS, self.executable.work[first : first + update.sizes[GRADIENTS]])
            update.run()

    def missed(self) -> bool:
        """Whether the arguments of the last run lead to other decisions than the program is for."""
        outputs = self.traced.outputs
        if not outputs.conditional or not self.traced.form.guarding:
            return False
        return not self._is_right()

    def _is_right(self) -> bool:
        """Whether the last run has found that the program is right for its arguments."""
        at = self._outputs[-1 - self.traced.outputs.left]
        # of a batch the mean of what is 1 for each sample, which may be rounded
        return bool(abs(self.executable.work[at] - 1) < 0.5 / max(self.unit.lanes, 1))

    @property
    def may_be_safer(self) -> bool:
        """Whether a side that was not taken may be why a result is not finite."""
        return not self.unit.safe and bool(len(self.traced.recording.sides))

    def result(self, loss: float) -> Any:
        """The loss, with aux if the function has one; what the function sets is set now."""
        if len(self._set_to):
            self.store.numbers[self._set_to] = self.executable.work[self._set_from]
        if self.traced.left:
            self._leave()
        if not self.has_aux:
            return loss
        numbers = self.executable.work[self._outputs].tolist()
        return self.traced.outputs.result(loss, numbers)

    def gradient(
        self, leaves: Sequence[Value], arrays: Callable[[], list[Tensor]] = list
    ) -> np.ndarray:
        """The derivatives by these parameters; 0 for those that the program does not know.

        And for those of `arrays`, which are found once, that are frozen.
        """
        known = self._leaves is leaves and len(self._derivatives) == len(leaves)
        if not known:
            self._arrays = arrays()
        flags = [x.requires_grad for x in self._arrays] if self._arrays else self._flags
        if not known or flags != self._flags:
            first, size = self.unit.gradients, self.unit.program.sizes[PARAMETERS]
            frozen = {id(v) for x in self._arrays if not x.requires_grad for v in x._values.flat}
            places = (place_of(v) if store_of(v) is self.store and id(v) not in frozen else size
                      for v in leaves)  # fmt: skip
            # work[0] stays 0
            self._derivatives = np.array([first + p if p < size else 0 for p in places], np.int64)
            self._leaves, self._flags = leaves, flags
        gradient: np.ndarray = self.executable.work[self._derivatives]
        return gradient if self._is_double else gradient.astype(np.float64)


def chosen(backend: str) -> str:
    """The backend that "auto" stands for here; others are themselves."""
    if backend == "auto":
        return "llvm" if find_spec("llvmlite") is not None else "numpy"
    return backend


def prepare(backend: str) -> None:
    """Load what a back end needs, which takes longer than a small program."""
    if backend == "llvm":
        from micrograd.compiler.backends.llvm import prepare as prepare_llvm

        prepare_llvm()


def load(program: Program, backend: str, dtype: str, alike: bool = False) -> Executable:
    """The program, ready to run; `alike` if much of it is in other programs, too."""
    if backend == "llvm":
        from micrograd.compiler.backends.llvm import load as load_llvm

        return load_llvm(program, dtype, alike=alike)
    return load_numpy(program, dtype)
