"""An optimiser's memory for compiled steps: its state in one array, and `optimizer.state` on it.

What a rule keeps for each parameter (a momentum) is a vector. What does not depend on parameter or
gradient (a count of steps) is kept once for each cohort: parameters that have always been updated
together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.store import Store, aligned, place_of, places_of, store_of
from micrograd.compiler.update.members import Members
from micrograd.compiler.update.rules import Rule
from micrograd.engine import Value
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import State, scalars


class Memory(MutableMapping[Value, State]):
    """The state of an optimiser over a store; reads and writes as `optimizer.state`.

    `numbers` holds the learning rate of each group, whether each parameter has stepped, a number a
    cohort for each shared name, and a vector for each other name. A step writes them in one go.
    `version` changes when anything moves, `settled` when what has stepped is forgotten.
    """

    def __init__(self, optimizer: Optimizer, store: Store) -> None:
        self.optimizer = optimizer
        self.store = store
        self.version = 0
        self.settled = 0
        self.cohort = np.zeros(0, np.int64)  # of each place of the store
        self.group = np.zeros(0, np.int64)  # of parameters, by their place
        self.names: list[str] = []  # of what the rules keep
        self.shared: list[str] = []
        self.numbers = aligned(0, store.dtype)
        self.rules: list[Rule] = []
        # Of each name where there is a number, whether or not a rule keeps it now; all of those
        # that no rule keeps. A parameter that has stepped has also what its rule keeps.
        self._known: dict[str, np.ndarray] = {}
        self._unused: dict[str, np.ndarray] = {}
        self._rates = 0  # how many there is room for
        self.taken: list[dict[str, Any]] = []  # the groups, with the rates that are in `numbers`
        self._options: list[dict[str, Any]] = []
        self._seen: tuple[Members, int] | None = None  # whose `group` is, and the store's version
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

    @property
    def always_starts_exactly(self) -> bool:
        """Whether all first steps are steps from what stands for no state."""
        return all(rule.exact_start for rule in self.rules)

    def starts_exactly(self, leaves: Sequence[Value]) -> bool:
        """Whether a step of these is one from state, or from what stands for none."""
        places = places_of(leaves)
        for k, rule in enumerate(self.rules):
            own = places[self.group[places] == k]
            if not rule.exact_start and not all(self._has(n)[own].all() for n in rule.names):
                return False
        return True

    @property
    def cohorts(self) -> int:
        """How many there are."""
        return int(self.cohort.max(initial=0)) + 1

    def rate_address(self, group: int) -> int:
        """Where the learning rate of a group is."""
        return group

    def stepped_address(self, places: Ids) -> Ids:
        """Where it is kept whether these parameters have stepped: 0 or 1."""
        return _rounded(self._rates) + places

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
        return _rounded(self._rates) + _rounded(self.places)

    @property
    def _vector_base(self) -> int:
        return self._shared_base + _rounded(len(self.shared) * self.cohorts)

    @property
    def _stepped(self) -> np.ndarray:
        first = _rounded(self._rates)
        stepped: np.ndarray = self.numbers[first : first + self.places] != 0
        return stepped

    def note_steps(self, places: Ids) -> None:
        """The next step is one of these; those that integers choose it notes by itself."""
        self.numbers[self.stepped_address(places)] = 1.0

    # ---- moving --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the optimiser's options and the store's size; rates are taken over each time."""
        groups = self.optimizer.param_groups
        options = [{k: x for k, x in g.items() if k not in ("params", "lr")} for g in groups]
        grew = self.places != len(self.store.values)
        if grew or options != self._options or not self._same_groups():
            rules = [Rule(self.optimizer, g) for g in groups]
            # What is new has taken no step yet: a cohort of its own.
            fresh = self.cohorts if self.places else 0
            grown = np.full(len(self.store.values) - self.places, fresh)
            self._move(np.concatenate([self.cohort, grown]), rules, options)
        self._take_rates()

    def _same_groups(self) -> bool:
        """Whether all parameters are in the groups that they were in."""
        groups, version = self.optimizer.param_groups, self.store.version
        if self._seen is not None and self._seen[1] == version and self._seen[0].same(groups):
            return True
        same = np.array_equal(self._groups(), self.group)
        self._seen = (Members(groups), version) if same else None
        return same

    def takes_rates(self) -> bool:
        """Whether nothing but learning rates has changed; those of now are then taken over."""
        groups, taken = self.optimizer.param_groups, self.taken
        if len(groups) != len(taken):
            return False
        for k, group in enumerate(groups):
            if group != taken[k]:
                now = {**taken[k], "lr": group.get("lr")}
                if now != group:
                    return False
                self.numbers[self.rate_address(k)] = now["lr"]
                taken[k] = now  # after the number, whatever interrupts
        return True

    def _take_rates(self) -> None:
        self.taken = [dict(group) for group in self.optimizer.param_groups]
        for k, group in enumerate(self.taken):
            self.numbers[self.rate_address(k)] = group["lr"]

    def split(self, cohort: Ids, places: Ids) -> None:
        """Make cohorts of which each is inside one class of `cohort`, given for `places`."""
        wanted = np.full(self.places, -1)
        wanted[places] = cohort
        pairs = np.stack([self.cohort, wanted])
        _, new = np.unique(pairs, axis=1, return_inverse=True)
        if new.max(initial=0) + 1 != self.cohorts:
            self._move(new.ravel())

    def _move(
        self, cohort: Ids, rules: list[Rule] | None = None, options: list[Any] | None = None
    ) -> None:
        """Lay everything out anew; an interruption finds all of it moved or nothing."""
        new: Memory = object.__new__(Memory)
        vars(new).update(vars(self), **self._content(len(cohort)))
        new.cohort, new.version = cohort, self.version + 1
        new._rates = len(self.optimizer.param_groups)
        new._options = self._options if options is None else options
        new.rules = self.rules if rules is None else rules
        new.group = new._groups()
        every = {name for rule in new.rules for name in rule.vectors}
        new.names = list(dict.fromkeys(name for rule in new.rules for name in rule.names))
        new.shared = [name for name in new.names if name not in every]
        size = new._vector_base + len(new.vectors) * _rounded(new.places)
        new.numbers = aligned(size, self.store.dtype)
        new._take_rates()
        former, new._unused = new._unused, {}
        for name in new.names:
            known = new._known.get(name, np.zeros(len(cohort), bool))
            values = new._initial(name)
            values[known] = former.pop(name, values)[known]
            new._put(name, values)
        new._unused = former
        vars(self).update(vars(new))

    def _content(self, size: int) -> dict[str, Any]:
        """All that is known, in arrays of that size: what has stepped is known by its names."""

        def grown(x: np.ndarray) -> np.ndarray:
            return np.concatenate([x, np.zeros(size - len(x), x.dtype)])

        names = [*self.names, *(n for n in self._known if n not in self.names)]
        known = {name: grown(self._has(name)) for name in names}
        values = self._unused | {name: self._spread(name) for name in self.names}
        return {"_known": known, "_unused": {n: grown(x) for n, x in values.items()}}

    def _initial(self, name: str) -> np.ndarray:
        """What stands for no state, of every place."""
        starts = np.array([rule.initial.get(name, 0.0) for rule in self.rules])
        return starts[self.group]

    def _groups(self) -> Ids:
        group = np.zeros(self.places, np.int64)
        for k, options in enumerate(self.optimizer.param_groups):
            group[places_of(scalars(options["params"]), self.store)] = k
        return group

    # ---- as `optimizer.state` --------------------------------------------------------------------

    def _has(self, name: str) -> np.ndarray:
        """Of every place, whether there is a number of that name."""
        kept = np.array([name in rule.names for rule in self.rules], bool)
        has: np.ndarray = self._stepped & kept[self.group]
        return has | self._known[name] if name in self._known else has

    def _spread(self, name: str) -> np.ndarray:
        """The number of that name of every place."""
        if name in self._unused:
            return self._unused[name]
        return self.numbers[self._addresses(name, np.arange(self.places))]

    def _put(self, name: str, values: np.ndarray) -> None:
        self.numbers[self._addresses(name, np.arange(self.places))] = values

    def _addresses(self, name: str, places: Ids) -> Ids:
        if name in self.shared:
            return self.shared_address(name, self.cohort[places])
        return self.vector_address(name, places)

    def settle(self) -> None:
        """Take over what was written by hand, or by an eager step."""
        if self.loose is None:
            return
        # It stays the truth until all has been taken over, whatever interrupts.
        states = {place_of(v): s for v, s in self.loose.items() if store_of(v) is self.store}
        names = dict.fromkeys([*self.names, *(name for s in states.values() for name in s)])
        known = {name: np.zeros(self.places, bool) for name in names}
        values: dict[str, np.ndarray] = {}
        for name in names:
            values[name] = self._initial(name)
            if name not in self.names:
                values[name] = values[name].astype(object)
            has = [place for place, s in states.items() if name in s]
            known[name][has] = True
            values[name][has] = [states[place][name] for place in has]
        shared = [values[name] for name in self.shared]
        if shared:
            _, fine = np.unique(np.stack([self.cohort, *shared]), axis=1, return_inverse=True)
            if fine.max(initial=0) + 1 != self.cohorts:
                self._move(fine.ravel())
        for name in self.names:
            self._put(name, values.pop(name))
        self.numbers[self.stepped_address(np.arange(self.places))] = 0.0
        vars(self).update(_known=known, _unused=values, settled=self.settled + 1, loose=None)

    def loosen(self) -> dict[Value, State]:
        """All state as dicts, which may be changed: the next compiled step takes it over."""
        if self.loose is None:
            self.loose = self._states()
        return self.loose

    def _states(self) -> dict[Value, State]:
        found: dict[int, State] = {}
        for name in dict.fromkeys([*self.names, *self._known]):
            places = np.flatnonzero(self._has(name))
            numbers = self._spread(name)[places].tolist()
            for place, number in zip(places.tolist(), numbers, strict=True):
                found.setdefault(place, {})[name] = number
        return {v: found[place_of(v)] for v in self._members() if place_of(v) in found}

    def _is_trained(self, v: Value) -> bool:
        """Whether it is one of the optimiser's, which may be new."""
        groups = self.optimizer.param_groups
        return any(x is v for group in groups for x in scalars(group["params"]))

    def _members(self) -> Iterator[Value]:
        for group in self.optimizer.param_groups:
            yield from (v for v in scalars(group["params"]) if store_of(v) is self.store)

    def __getitem__(self, v: Value) -> State:
        return self.loosen()[v]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self.loosen()),)

    __hash__ = object.__hash__

    def __setitem__(self, v: Value, state: State) -> None:
        if store_of(v) is not self.store and not self._is_trained(v):
            raise KeyError(v)
        self.loosen()[v] = state

    def update(self, states: Mapping[Value, State]) -> None:  # type: ignore[override]
        """Write several at once: an interruption finds all written or none."""
        if states:
            groups = self.optimizer.param_groups
            trained = {x for group in groups for x in scalars(group["params"])}
            for v in states.keys() - trained:
                if store_of(v) is not self.store:
                    raise KeyError(v)
            self.loosen().update(states)

    def __delitem__(self, v: Value) -> None:
        del self.loosen()[v]

    def __iter__(self) -> Iterator[Value]:
        return iter(list(self._states() if self.loose is None else self.loose))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, v: object) -> bool:
        return v in (self._states() if self.loose is None else self.loose)


def _rounded(count: int) -> int:
    return -(-count // 8) * 8
