"""Which arrays of parameters there are: each element is in one, however it is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from micrograd.steps.step import ParameterRecord, Positions

WEIGHTS, BIASES = ("weight", "w"), ("bias", "b")  # attributes that lectures call W1 and b1
LONGEST = 24  # characters of a name
MOST_JOINED = 3  # names in one


@dataclass(frozen=True)
class LeafRead:
    """Leaves as an operation reads them; `role` is the letter for them: W, b, or E for a table."""

    positions: Positions
    role: str


@dataclass(frozen=True)
class ParameterArray:
    """Leaves that are one array; `path` is what they are called in the model."""

    name: str
    path: str
    positions: Positions
    trained: bool  # whether they are the model's


class ParameterArrays:
    """The arrays of leaves that some operations read.

    A parameter of several numbers is one array. Single Values, such as the weights of Karpathy's
    neurons, are together where they are read together.
    """

    def __init__(
        self, reads: Sequence[LeafRead], records: Sequence[ParameterRecord],
        leaves: Mapping[int, str], taken: Iterable[str],
    ) -> None:  # fmt: skip
        self._record: dict[int, ParameterRecord] = {
            int(i): p for p in records for i in np.ravel(p.positions)
        }
        self._leaves = leaves
        self._array_of: dict[int, int] = {}  # position: place in `all`
        found = self._arrays(reads)
        self.all = self._named(found, reads, set(taken))
        self._array_of = {int(i): k for k, a in enumerate(self.all) for i in a.positions.flat}

    def of(self, positions: Positions) -> list[ParameterArray]:
        """The arrays that these leaves are in."""
        places = [self._array_of[int(i)] for i in np.ravel(positions)]
        return [self.all[k] for k in dict.fromkeys(places)]

    def joined(self, arrays: Sequence[ParameterArray]) -> str:
        """A name for several arrays that are read as one."""
        name = f"[{'; '.join(a.name for a in arrays)}]"
        if len(arrays) <= MOST_JOINED and len(name) <= LONGEST:
            return name
        return "θ"

    def _arrays(self, reads: Sequence[LeafRead]) -> list[Positions]:
        """The positions of each array, in the order in which they are read."""
        found: list[Positions] = []
        singles: list[Positions] = []
        for read in reads:
            flat = read.positions.ravel()
            whole = [self._record.get(int(i)) for i in flat]
            for p in dict.fromkeys(id(p) for p in whole if p is not None and p.positions.size > 1):
                found.append(next(q.positions for q in whole if q is not None and id(q) == p))
            alone = np.array([p is None or p.positions.size == 1 for p in whole])
            if alone.all():
                singles.append(self._in_own_shape(read.positions))
            elif alone.any():
                singles.append(flat[alone])
        found += _disjoint(singles)
        distinct = {tuple(a.ravel().tolist()): a for a in found}
        first = {i: k for k, i in reversed(list(enumerate(_all(reads))))}
        return sorted(
            distinct.values(), key=lambda a: min(first.get(int(i), 1 << 60) for i in a.flat)
        )

    def _in_own_shape(self, positions: Positions) -> Positions:
        """A parameter of one number has the shape that it has in the model."""
        p = self._record.get(int(positions.flat[0]))
        return p.positions if positions.size == 1 and p is not None else positions

    def _named(
        self, arrays: list[Positions], reads: Sequence[LeafRead], taken: set[str]
    ) -> list[ParameterArray]:
        roles = [next(r.role for r in reads if _overlap(r.positions, a)) for a in arrays]
        paths = [self._path(a) for a in arrays]
        last = [_last(path)[1] for path in paths]
        times = Counter(last)
        named: list[ParameterArray] = []
        number_of: dict[str, int] = {}  # of weights, by the module that has them
        count = constants = 0
        for positions, role, path, own in zip(arrays, roles, paths, last, strict=True):
            trained = int(positions.flat[0]) in self._record
            module = _last(path)[0]
            letter = "W" if own in WEIGHTS else "b" if own in BIASES else role
            common = trained and own in (*WEIGHTS, *BIASES)
            if own and not common and times[own] == 1 and own not in taken and len(own) <= LONGEST:
                name = own
            else:
                count += letter == "W" and trained
                constants += not trained
                number = number_of.get(module, max(count, 1)) if letter != "W" else count
                name = _free(*((letter, number) if trained else ("c", constants)), taken)
            if letter == "W":
                number_of.setdefault(module, count)
            taken.add(name)
            named.append(ParameterArray(name, path, positions, trained))
        return named

    def _path(self, positions: Positions) -> str:
        """What an array is called in the model: `fc1.weight`, `layers[0].neurons[…].w[…]`."""
        flat = [int(i) for i in positions.flat]
        own = {self._record[i].name if i in self._record else self._leaves.get(i, "") for i in flat}
        parts = [re.split(r"[\d,]+", name) for name in own]
        if len(own) == 1:
            return own.pop()
        if len({tuple(p) for p in parts}) > 1:
            return ""
        numbers = [re.findall(r"[\d,]+", name) for name in own]
        common = [c[0] if len(set(c)) == 1 else "…" for c in zip(*numbers, strict=True)]
        return "".join(a + b for a, b in zip_longest(parts[0], common, fillvalue=""))


def _last(path: str) -> tuple[str, str]:
    """The module and the attribute of a path: `layers[0].neurons` and `w`, without indices."""
    module, _, name = re.sub(
        r"(\[[^\]]*\])", lambda m: m[0] * m[0][1:-1].isdigit(), path
    ).rpartition(".")
    return module, re.sub(r"\[.*", "", name)


def _disjoint(sets: Sequence[Positions]) -> list[Positions]:
    """Arrays of which each given set is one, several together or a part; the smallest first."""
    arrays: list[Positions] = []
    for s in sorted(sets, key=lambda a: a.size):
        met = [a for a in arrays if _overlap(a, s)]
        inside = [a for a in met if np.isin(a, s).all()]
        covered = sum(a.size for a in inside)
        if len(met) == len(inside) and covered == len(np.unique(s)):
            continue
        union = (
            s
            if len(met) == len(inside)
            else np.unique(np.concatenate([s.ravel(), *[a.ravel() for a in met]]))
        )
        arrays = [a for a in arrays if not _overlap(a, s)]
        arrays.append(union if len(np.unique(union)) == union.size else np.unique(union))
    return arrays


def _overlap(a: Positions, b: Positions) -> bool:
    return bool(np.isin(a, b).any())


def _all(reads: Sequence[LeafRead]) -> list[int]:
    return [int(i) for read in reads for i in read.positions.flat]


def _free(letter: str, number: int, taken: set[str]) -> str:
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"
