"""An optimiser's memory for compiled steps: its state in one array, and `optimizer.state` on it.

What a rule keeps for each parameter (a momentum) is a vector. What does not depend on parameter or
gradient (a count of steps) is kept once for each cohort: parameters that have always been updated
together.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import numpy as np

from micrograd.compiler.builder import Builder, Symbols
from micrograd.compiler.graph import PARAMETER, Ids
from micrograd.compiler.store import Store, aligned, place_of, store_of
from micrograd.engine import Value
from micrograd.ops import FLOATS
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import State, scalars

PROBES = ((0.3, -0.7), (-1.1, 0.2), (0.0, 1.9))  # a parameter and its gradient


class Rule:
    """What an optimiser keeps, found by trying its rule.

    `initial` are the values that stand for no state; `exact_start` is False if the first step is
    another than one from these values.
    """

    def __init__(self, optimizer: Optimizer, options: dict[str, Any]) -> None:
        asked = _Asked()
        optimizer.direction(FLOATS, 0.5, 0.25, asked, options)
        self.names = list(asked)
        self.initial = {name: float(asked.defaults.get(name, 0.0)) for name in self.names}
        self.exact_start = all(self._same_start(optimizer, options, *probe) for probe in PROBES)
        builder = Builder()
        p, g = (builder.leaves(PARAMETER, [0.5, 0.5]) for _ in range(2))
        state: State = {name: builder.leaves(PARAMETER, [0.5]) for name in self.names}
        optimizer.direction(Symbols(builder), p, g, state, options)
        self.shared = [name for name in self.names if len(state[name].ids) == 1]
        self.vectors = [name for name in self.names if name not in self.shared]

    def _same_start(self, optimizer: Optimizer, options: Any, p: float, g: float) -> bool:
        without: State = {}
        start: State = dict(self.initial)
        answers = [optimizer.direction(FLOATS, p, g, s, options) for s in (without, start)]
        return answers[0] == answers[1] and without == start


class _Asked(dict[str, Any]):
    """An empty state that notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.defaults: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's; notes the default."""
        self.defaults.setdefault(name, default)
        return super().get(name, default)


class Memory(MutableMapping[Value, State]):
    """The state of an optimiser over a store; reads and writes as `optimizer.state`.

    `numbers` holds the learning rate of each group, then a number a cohort for each shared name,
    then a vector for each other name. `version` changes when anything moves.
    """

    def __init__(self, optimizer: Optimizer, store: Store) -> None:
        self.optimizer = optimizer
        self.store = store
        self.version = 0
        self.cohort = np.zeros(0, np.int64)  # of each place of the store
        self.present = np.zeros(0, bool)  # whether there is state
        self.group = np.zeros(0, np.int64)  # of parameters, by their place
        self.names: list[str] = []
        self.shared: list[str] = []
        self.numbers = aligned(0, store.dtype)
        self.rules: list[Rule] = []
        self._dropped: dict[str, np.ndarray] = {}  # what a change of options has made unused
        self._rates = 0  # how many there is room for
        self._options: list[dict[str, Any]] = []
        self.loose: dict[Value, State] | None = None  # written since the last compiled step
        written = dict(optimizer.state)
        self.refresh()
        self.loose = written
        self.settle()
        optimizer.state = self  # type: ignore[assignment]
        store.memories.add(self)

    # ---- where things are ----------------------------------------------------------------------

    @property
    def places(self) -> int:
        """Parameters there is room for."""
        return len(self.cohort)

    def starts_exactly(self, leaves: Sequence[Value]) -> bool:
        """Whether a step of these is one from state, or from what stands for none."""
        if all(rule.exact_start for rule in self.rules):
            return True
        return bool(self.present[[place_of(v) for v in leaves]].all())

    @property
    def cohorts(self) -> int:
        """How many there are."""
        return int(self.cohort.max(initial=0)) + 1

    def rate_address(self, group: int) -> int:
        """Where the learning rate of a group is."""
        return group

    def shared_address(self, name: str, cohorts: Ids) -> Ids:
        """Where these cohorts' number of that name is."""
        return self._shared_base + self.shared.index(name) * self.cohorts + cohorts

    def vector_address(self, name: str, places: Ids) -> Ids:
        """Where these parameters' number of that name is."""
        return self._vector_base + self.vectors.index(name) * _rounded(self.places) + places

    @property
    def vectors(self) -> list[str]:
        """Names of which each parameter has its own number."""
        return [name for name in self.names if name not in self.shared]

    @property
    def _shared_base(self) -> int:
        return _rounded(self._rates)

    @property
    def _vector_base(self) -> int:
        return self._shared_base + _rounded(len(self.shared) * self.cohorts)

    def refresh(self) -> None:
        """Follow the optimiser's options and the store's size; rates are taken over each time."""
        groups = self.optimizer.param_groups
        options = [{k: x for k, x in g.items() if k not in ("params", "lr")} for g in groups]
        if options != self._options or self.places != len(self.store.values):
            self._options = options
            self.rules = [Rule(self.optimizer, g) for g in groups]
            for k, rule in enumerate(self.rules):
                if not rule.exact_start and set(rule.names) - set(self.names):
                    self.present[self.group == k] = False  # its first step is yet to come
            names = list(dict.fromkeys(name for rule in self.rules for name in rule.names))
            every = {name for rule in self.rules for name in rule.vectors}
            # What is new has taken no step yet: a cohort of its own.
            fresh = self.cohorts if self.places else 0
            grown = np.full(len(self.store.values) - self.places, fresh)
            self._move(
                np.concatenate([self.cohort, grown]), names, [n for n in names if n not in every]
            )
        for k, group in enumerate(groups):
            self.numbers[k] = group["lr"]

    def split(self, cohort: Ids, places: Ids) -> None:
        """Make cohorts of which each is inside one class of `cohort`, given for `places`."""
        wanted = np.full(self.places, -1)
        wanted[places] = cohort
        pairs = np.stack([self.cohort, wanted])
        _, new = np.unique(pairs, axis=1, return_inverse=True)
        if new.max(initial=0) + 1 != self.cohorts:
            self._move(new.ravel(), self.names, self.shared)

    def _move(self, cohort: Ids, names: list[str], shared: list[str]) -> None:
        """Lay everything out anew."""
        former = self._dropped | {name: self._spread(name) for name in self.names}
        self._dropped = {name: x for name, x in former.items() if name not in names}
        present = np.zeros(len(cohort), bool)
        present[: len(self.present)] = self.present
        self.cohort, self.present, self.names, self.shared = cohort, present, names, shared
        self._rates = len(self.optimizer.param_groups)
        self.group = self._groups()
        size = self._vector_base + len(self.vectors) * _rounded(self.places)
        self.numbers = aligned(size, self.store.dtype)
        first = {int(c): i for i, c in reversed(list(enumerate(cohort.tolist())))}
        for name in names:
            values = self._initial(name)
            old = former.get(name)
            if old is not None:
                values[: len(old)] = old
            if name in shared:
                at = self.shared_address(name, np.array(list(first), np.int64))
                self.numbers[at] = values[list(first.values())]
            else:
                self.numbers[self.vector_address(name, np.arange(len(cohort)))] = values
        for k, group in enumerate(self.optimizer.param_groups):
            self.numbers[k] = group["lr"]
        self.version += 1

    def _initial(self, name: str) -> np.ndarray:
        """What stands for no state, of every place."""
        starts = np.array([rule.initial.get(name, 0.0) for rule in self.rules])
        return starts[self.group]

    def _groups(self) -> Ids:
        group = np.zeros(self.places, np.int64)
        for k, options in enumerate(self.optimizer.param_groups):
            own = [place_of(v) for v in scalars(options["params"]) if store_of(v) is self.store]
            group[own] = k
        return group

    # ---- as `optimizer.state` --------------------------------------------------------------------

    def _spread(self, name: str) -> np.ndarray:
        """The number of that name of every place."""
        return self.numbers[self._addresses(name, np.arange(self.places))]

    def _addresses(self, name: str, places: Ids) -> Ids:
        if name in self.shared:
            return self.shared_address(name, self.cohort[places])
        return self.vector_address(name, places)

    def settle(self) -> None:
        """Take over what was written by hand, or by an eager step."""
        if self.loose is None:
            return
        written, self.loose = self.loose, None
        places = np.array([place_of(v) for v in written], np.int64)
        self.present[:] = False
        self.present[places] = [bool(state) for state in written.values()]
        values = {name: self._initial(name) for name in self.names}
        for name, numbers in values.items():
            starts = numbers[places].tolist()
            states = zip(written.values(), starts, strict=True)
            numbers[places] = [state.get(name, start) for state, start in states]
        shared = [values[name] for name in self.shared]
        if shared:
            _, fine = np.unique(np.stack([self.cohort, *shared]), axis=1, return_inverse=True)
            if fine.max(initial=0) + 1 != self.cohorts:
                self._move(fine.ravel(), self.names, self.shared)
        for name, numbers in values.items():
            self.numbers[self._addresses(name, np.arange(self.places))] = numbers

    def loosen(self) -> dict[Value, State]:
        """All state as dicts, which may be changed: the next compiled step takes it over."""
        if self.loose is None:
            self.loose = {v: self._state(v) for v in self}
        return self.loose

    def _state(self, v: Value) -> State:
        place = np.array([place_of(v)])
        names = self.rules[int(self.group[place[0]])].names
        return {name: float(self.numbers[self._addresses(name, place)][0]) for name in names}

    def __getitem__(self, v: Value) -> State:
        return self.loosen()[v]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self.loosen()),)

    __hash__ = object.__hash__

    def __setitem__(self, v: Value, state: State) -> None:
        if store_of(v) is not self.store:
            raise KeyError(v)
        self.loosen()[v] = state

    def write(self, states: dict[Value, State]) -> None:
        """Write several at once: an interruption finds all written or none."""
        self.loosen().update(states)

    def __delitem__(self, v: Value) -> None:
        del self.loosen()[v]

    def __iter__(self) -> Iterator[Value]:
        if self.loose is not None:
            yield from list(self.loose)
            return
        for group in self.optimizer.param_groups:
            yield from (v for v in scalars(group["params"]) if v in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, v: object) -> bool:
        if self.loose is not None:
            return v in self.loose
        if not isinstance(v, Value) or store_of(v) is not self.store:
            return False
        return place_of(v) < self.places and bool(self.present[place_of(v)])


def _rounded(count: int) -> int:
    return -(-count // 8) * 8
