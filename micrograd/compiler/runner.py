"""A program with the arrays that it runs on, and the tests that these are still the right ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from micrograd.compiler.backends import Executable, space_type
from micrograd.compiler.backends.numpy import load as load_numpy
from micrograd.compiler.nest.ir import GRADIENTS, PARAMETERS, Program, Space, SpaceRole
from micrograd.compiler.passes import STEP, Compilation
from micrograd.compiler.stepping import Stepping
from micrograd.compiler.store import Store, place_of, store_of
from micrograd.compiler.trace.around import around_in
from micrograd.compiler.trace.flattening import Flattener, flattener
from micrograd.compiler.trace.left import Work
from micrograd.compiler.trace.recording import met
from micrograd.compiler.trace.stand_ins import MOST_INTEGER, containers, flat
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.update.members import Members
from micrograd.engine import Value, floats_in
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars

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
    ) -> None:
        self.unit = unit
        self.traced = traced
        start = perf_counter()
        self.program = unit.program
        self.executable = load(unit.program, backend, dtype)
        self.backend_milliseconds = 1e3 * (perf_counter() - start)
        self.has_aux = traced.outputs.has_aux
        self._numbers = [left for left in traced.left if left.numbers]  # which it leaves as such
        self.has_more = self.has_aux or bool(self._numbers)  # than a loss
        assert traced.captured is not None
        self._same = traced.captured.same
        self.store, self._version = store, store.version
        self._members = members  # of an optimiser, if it is known what its steps update
        self.stepping: Stepping | None = None
        self.owes = False  # whether the gradients of its last step are nowhere else
        self.executable.point(PARAMETERS, store.numbers)
        read = (space for space in unit.program.spaces_read() if space.is_argument)
        self._spaces: list[tuple[Space, int, Any]] = [
            (space, space.number, space_type(space, dtype))
            for space in sorted(read, key=lambda space: (space.role.value, space.number))
        ]
        self._read: dict[Space, np.ndarray] = {}  # what it reads of arguments
        self._used: np.ndarray | None = None  # places of the parameters that it reads
        self._leaves: Sequence[Value] = ()  # whose derivatives were asked for,
        self._derivatives = np.zeros(0, np.int64)  # and where these are in work
        self._plan: list[Plan] | None = None
        self._records: list[Record] = []
        self._count = 0  # of arguments
        self._held: tuple[Any, ...] | None = None  # arguments that need not be looked at again
        self._shapes: list[tuple[np.ndarray, tuple[int, ...]]] = []  # of those that are arrays
        self._watched: list[tuple[np.ndarray, bytes]] = []  # integers, and what they were

    def fits(self, mode: str) -> bool:
        """Whether parameters, state, options and captured numbers are where and what they were."""
        if not self._same() or self.store.version != self._version:
            return False
        if mode is not STEP:
            return True
        step = self.stepping
        return step is not None and step.fits() and self.trains(step.unit.memory.optimizer)

    def trains(self, optimizer: Optimizer) -> bool:
        """Whether it knows which parameters a step of that optimiser updates."""
        return self._members is not None and self._members.same(optimizer.param_groups)

    def followed_by(self, stepping: Stepping) -> None:
        """Let steps end with this update."""
        if stepping.executable is not None:
            self.executable.follow(stepping.executable, self.unit.gradients)
        self.stepping = stepping

    def holds(self, inputs: tuple[Any, ...]) -> bool:
        """Whether these are the arguments of the last run, whose contents are read again."""
        held = self._held
        if held is None or len(held) != len(inputs):
            return False
        for x, y in zip(inputs, held):  # noqa: B905  (equally long; this runs in every step)
            if x is not y:
                return False
        for array, shape in self._shapes:
            if array.shape != shape:
                return False
        for integers, before in self._watched:  # noqa: SIM110  (a generator takes twice as long)
            if integers.tobytes() != before:
                return False
        return True

    def refill(self, inputs: tuple[Any, ...]) -> bool:
        """Take other numbers in the structure of the last ones; False if they are anything else."""
        if self._plan is None or len(inputs) != self._count:
            return False
        self._held = None  # whatever follows, these are no more what the program is pointed at
        new: list[tuple[Space, np.ndarray]] = []
        if self._records and not self._refill_records(inputs):
            return False
        for space, shape, sort, own in self._plan:
            x = inputs[space.number]
            if sort == "array":
                fits = type(x) is np.ndarray and own.dtype == x.dtype and x.shape == shape
                if not fits or not x.flags.c_contiguous:
                    return False
                new.append((space, x.reshape(-1)))
            elif sort == "float":
                if type(x) is not float:
                    return False
                own[0] = x
            elif not _written(x, shape, sort, own, self.traced.tried.get(space.number)):
                return False
        if not self.traced.passes():
            return False
        for space, array in new:
            self._point(space, array)
        self._shapes = []
        return True

    def _refill_records(self, inputs: tuple[Any, ...]) -> bool:
        for k, flatten, cells in self._records:
            found = flatten(inputs[k])
            if found is None:
                return False
            for cell, numbers in zip(cells, found, strict=True):
                if cell is not None:
                    cell[:] = numbers
        return True

    def take(self, inputs: tuple[Any, ...], final: bool) -> None:
        """Run on these arguments; `final` if the program is not to be checked again."""
        self._held = None
        repeatable = final and not any(isinstance(x, list | tuple) for x in inputs)
        self._watched, plan = [], list[Plan]()
        for space, k, dtype in self._spaces:
            x = inputs[k]
            array = flat(x, dtype)
            self._point(space, array)
            if isinstance(x, np.ndarray):
                if x.dtype != dtype or not x.flags.c_contiguous:
                    repeatable = False
            elif not isinstance(x, float | int | bool):
                repeatable = False
            if space.role is SpaceRole.IDS and isinstance(x, np.ndarray):
                self._watched.append((x, x.tobytes()))
            plan.append((space, np.shape(x) if isinstance(x, np.ndarray) else (), "", array))
        self._plan, self._records = None, []
        if final:
            self._plan, self._records = _planned(inputs, plan, self.traced.tried)
        self._count = len(inputs)
        self._held = inputs if repeatable else None
        self._shapes = [(x, x.shape) for x in inputs if isinstance(x, np.ndarray)]

    def _point(self, space: Space, array: np.ndarray) -> None:
        self.executable.point(space, array)
        self._read[space] = array

    def write_gradients(self) -> None:
        """Give each parameter that steps update the gradient of the last one."""
        step = self.stepping
        assert step is not None
        leaves = [v for group in step.unit.memory.optimizer.param_groups
                  for v in scalars(group["params"])]  # fmt: skip
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

    def leave(self) -> None:
        """Let what the function leaves behind be the numbers of this program."""
        values = self.traced.outputs.values
        places = self.unit.outputs[len(self.unit.outputs) - len(values) :].tolist()
        Work(self.executable.work).hold(values, places)
        for left in self.traced.left:
            left.put()

    def is_lost(self) -> bool:
        """Whether the last run is not finite because parameters are nan, and right all the same.

        What depends on a nan is nan in whatever order it is computed. Sums that overflow are not:
        nothing may be infinite, nor the numbers that went in be large. A lookup by a run-time
        integer is a sum over its table, in which a nan would reach the other entries.
        """
        if self.traced.recording.choices:
            return False
        if self._used is None:
            self._used = self.unit.places[np.array(met(self.traced.recording), np.int64)]
        numbers = self.store.numbers[self._used]
        lost = np.isnan(numbers)
        if not lost.any() or not (np.abs(numbers[~lost]) < LARGE).all():
            return False
        for space, array in self._read.items():
            if space.role is not SpaceRole.IDS and not (np.abs(array) < LARGE).all():
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
        at = self.unit.outputs[-1 - self.traced.outputs.left]
        return bool(self.executable.work[at] == 1)

    @property
    def may_be_safer(self) -> bool:
        """Whether a side that was not taken may be why a result is not finite."""
        return not self.unit.safe and bool(len(self.traced.recording.sides))

    def result(self, loss: float) -> Any:
        """The loss, with aux if the function has one."""
        for left in self._numbers:
            left.put()
        if not self.has_aux:
            return loss
        return loss, self.traced.outputs.rebuild(self.executable.work[self.unit.outputs].tolist())

    def gradient(self, leaves: Sequence[Value]) -> np.ndarray:
        """The derivatives by these parameters; 0 for those that the program does not know."""
        if self._leaves is not leaves or len(self._derivatives) != len(leaves):
            first, size = self.unit.gradients, self.unit.program.sizes[PARAMETERS]
            places = (place_of(v) if store_of(v) is self.store else size for v in leaves)
            # work[0] stays 0
            self._derivatives = np.array([first + p if p < size else 0 for p in places], np.int64)
            self._leaves = leaves
        gradient: np.ndarray = self.executable.work[self._derivatives].astype(np.float64)
        return gradient


Plan = tuple[Space, tuple[int, ...], str, np.ndarray]  # of an argument; see `Runner.refill`


# Of an argument that is a record: what reads it, and the arrays for its numbers and integers.
Record = tuple[int, Flattener, tuple[np.ndarray | None, np.ndarray | None]]


def _planned(
    inputs: tuple[Any, ...], plan: list[Plan], tried: Mapping[Any, set[int]]
) -> tuple[list[Plan] | None, list[Record]]:
    """How each argument is taken when it has other numbers; None if one needs a closer look."""
    records: list[Record] = []
    read = {space.number for space, *_ in plan}
    given = len(inputs) - (around_in(inputs) is not None)
    for k, x in enumerate(inputs[:given]):
        if k in read and not _is_record(x):
            continue
        flatten = flattener(x, k, tried)
        if flatten is None:
            return None, []
        own = {space.role is SpaceRole.IDS: array for space, *_, array in plan if space.number == k}
        records.append((k, flatten, (own.get(False), own.get(True))))
    others = {k for k, *_ in records}
    simple = _simple(inputs, [x for x in plan if x[0].number not in others], tried)
    return simple, records if simple is not None else []


def _is_record(x: Any) -> bool:
    """Whether it is none of those that are taken at once: numbers, lists of one sort, arrays."""
    if isinstance(x, np.ndarray) or type(x) is float:
        return False
    if type(x) is list and x and set(map(type, x)) == {int}:
        return False
    return not isinstance(x, list | tuple) or floats_in(x) is None


def _written(
    x: Any, shape: tuple[int, ...], sort: str, own: np.ndarray, tried: set[int] | None
) -> bool:
    """Write the numbers of an argument into its array; False if it is not as it was."""
    if sort in ("ids", "whole"):
        if type(x) is not list or len(x) != len(own) or set(map(type, x)) != {int}:
            return False
        if not (_are_exact(min(x), max(x)) if tried is None else tried.issuperset(x)):
            return False
        own[:] = x
    elif type(x) is np.ndarray:
        if sort != x.dtype.str or x.shape != shape:
            return False
        if x.dtype.kind in "iu" and x.size and not _are_exact(int(x.min()), int(x.max())):
            return False
        own[:] = x.reshape(-1)
    else:
        floats = floats_in(x) if sort == containers(x) else None
        if floats is None or floats[1] != shape:
            return False
        own[:] = np.frombuffer(floats[0])
    return True


def _are_exact(least: int, largest: int) -> bool:
    """Whether floats hold integers between these."""
    return least >= -MOST_INTEGER and largest <= MOST_INTEGER


def _simple(
    inputs: tuple[Any, ...], plan: list[Plan], tried: Mapping[Any, set[int]]
) -> list[Plan] | None:
    planned: list[Plan] = []
    for space, shape, _, own in plan:
        x = inputs[space.number]
        if type(x) is list and x and set(map(type, x)) == {int} and space.number in tried:
            planned.append((space, (), "ids", own))
        elif space.role is SpaceRole.IDS:
            return None
        elif type(x) is np.ndarray and x.dtype == own.dtype and own.dtype.kind == "f":
            planned.append((space, shape, "array", own))
        elif type(x) is float:
            planned.append((space, (), "float", own))
        elif type(x) is np.ndarray and x.dtype != own.dtype and x.dtype.kind in "iuf":
            planned.append((space, x.shape, x.dtype.str, own))
        elif type(x) is list and x and set(map(type, x)) == {int}:
            planned.append((space, (), "whole", own))
        elif isinstance(x, list | tuple) and (floats := floats_in(x)) is not None:
            planned.append((space, floats[1], containers(x), own))
        else:
            return None
    return planned


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


def load(program: Program, backend: str, dtype: str) -> Executable:
    """The program, ready to run."""
    if backend == "llvm":
        from micrograd.compiler.backends.llvm import load as load_llvm

        return load_llvm(program, dtype)
    return load_numpy(program, dtype)
