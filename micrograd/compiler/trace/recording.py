"""A trace as plain arrays: an operation an entry, in the order in which the program did them.

An operand is a code: the number of a node, or PARAMETERS, INPUTS or CONSTANTS plus the number of a
leaf of that sort. One float object is one constant, however often the program uses it: that is
what makes a matrix of a list of rows that several neurons read. What is numbered has other orders,
too: constants by value, parameters as they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import NONE, ROW_INDEX, ROWS, among, occurrences
from micrograd.compiler.trace.numbers.reads import DETACH, LARGEST, PICK, SIDES, Read
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.world.left import is_left
from micrograd.engine import Value, as_arrays
from micrograd.ops import BY_HAND, OPS

Codes = NDArray[np.int64]

SORT = 40  # the bits of a number; above them is the sort of the leaf
PARAMETERS, INPUTS, CONSTANTS, CHOICES = (k << SORT for k in (1, 2, 3, 4))
DETACHED, LARGEST_OF = len(ROWS), len(ROWS) + 1  # rows that only recordings have
MADE_EARLIER, MADE_BY_HAND = "earlier", "by hand"


class Unrecordable(Exception):  # noqa: N818  (a finding, answered by a CompileError)
    """Node `node` uses something that no program can contain, for the `reason` given."""

    def __init__(self, reason: str, node: int) -> None:
        self.reason = reason
        self.node = node


@dataclass(slots=True, eq=False)
class Recording:
    """See the module. `a`, `b`, `c` are the operands of each node, -1 where there is none."""

    row: NDArray[np.int16]
    a: Codes
    b: Codes
    c: Codes
    static: NDArray[np.float64]
    stop: NDArray[np.bool_]  # no derivative flows through
    many: dict[int, Codes]  # the operands of the nodes that take any number
    constants: NDArray[np.float64]
    parameters: list[Value]  # in the order of `given`, and then as they were met
    outputs: Codes
    choices: list[tuple[Codes, int]] = field(default_factory=list)  # see `integers`
    sides: Codes = field(default_factory=lambda: np.zeros(0, np.int64))  # selects: see `SIDES`

    def __len__(self) -> int:
        return len(self.row)


def record(tracer: Tracer, outputs: Sequence[Value], given: Iterable[Value] = ()) -> Recording:
    """The arrays of a trace; `given` are parameters that are numbered first.

    Raises Unrecordable for a node made before the trace and for a hand-written derivative.
    """
    nodes, n = tracer.nodes, len(tracer.nodes)
    tables = [x for table, _ in tracer.chosen.values() for x in table]
    rows, numbers, inputs, static, lists, leaves, uses = as_arrays(nodes, [*outputs, *tables], PICK)
    row = _rows(rows, np.frombuffer(numbers, np.int32))
    found = _LeafNumbers(tracer, list(given))
    of_leaves = found.codes(leaves, *np.frombuffer(uses, np.int64).reshape(-1, 2).T)

    def coded(codes: bytes) -> Codes:
        """A leaf that repeats a node's number has that node's code."""
        raw = np.frombuffer(codes, np.int64)
        leaf = raw < -1
        result = raw.copy()
        result[leaf] = of_leaves[-2 - raw[leaf]]
        return result

    codes = coded(inputs)
    a, b, c = np.ascontiguousarray(codes[: 3 * n].reshape(n, 3).T)
    others = codes[3 * n :]
    if tracer.chosen:
        place = {id(v): i for i, v in enumerate(nodes)}
        a[[place[node] for node in tracer.chosen]] = CHOICES + np.arange(len(tracer.chosen))
    return Recording(
        row, a, b, c, _statics(np.frombuffer(static), row, rows, numbers), _stops(tracer, row),
        {i: coded(codes) for i, codes in lists.items()},
        np.array(found.constants, np.float64), found.parameters, others[: len(outputs)],
        _choices(tracer, others[len(outputs) :]), sides=_nodes_of(SIDES, rows, numbers),
    )  # fmt: skip


def _nodes_of(row: Any, rows: list[Any], numbers: bytes) -> Codes:
    """The nodes of a row that the op table does not have."""
    number = next((k for k, x in enumerate(rows) if x is row), NONE)
    return np.nonzero(np.frombuffer(numbers, np.int32) == number)[0]


def _statics(
    given: NDArray[np.float64], row: NDArray[np.int16], rows: list[Any], numbers: bytes
) -> NDArray[np.float64]:
    """The static parameter of each node that has one; a PICK is a power of 1."""
    with_static = np.array([*[OPS[name].has_static for name in ROWS], False, False])[row]
    statics = np.where(with_static, given, np.nan)
    statics[_nodes_of(PICK, rows, numbers)] = 1.0
    return statics


def _stops(tracer: Tracer, row: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Through which nodes no derivative flows."""
    stop: NDArray[np.bool_] = row >= DETACHED
    if tracer.stopped:
        stop |= among(_ids(tracer.nodes), _ids(tracer.stopped))
    return stop


def _choices(tracer: Tracer, codes: Codes) -> list[tuple[Codes, int]]:
    """The tables that integers choose from, whose entries have these codes, one after the other."""
    ends = np.cumsum([0, *(len(table) for table, _ in tracer.chosen.values())])
    slots = [slot for _, slot in tracer.chosen.values()]
    return [(codes[a:b], slot) for a, b, slot in zip(ends[:-1], ends[1:], slots, strict=True)]


def _ids(objects: Sequence[Any]) -> Codes:
    return np.fromiter(map(id, objects), np.int64, len(objects))


def _rows(rows: list[Any], numbers: NDArray[np.int32]) -> NDArray[np.int16]:
    """The rows of nodes as numbers in the op table, and behind it."""
    special = {id(DETACH): DETACHED, id(LARGEST): LARGEST_OF, id(PICK): ROW_INDEX["pow_static"]}
    index = [special[id(x)] if id(x) in special else ROW_INDEX[x.name] for x in rows]
    return np.array(index, np.int16)[numbers]


class _LeafNumbers:
    """Numbers the leaves of a trace."""

    def __init__(self, tracer: Tracer, parameters: list[Value]) -> None:
        self.tracer = tracer
        self.made = {id(v) for v in tracer.leaves}
        self.parameters = parameters
        self.constants: list[float] = []
        self._constant_of: dict[int, int] = {}  # id of a float: its number
        self._node_of: dict[int, int] = {}  # id of a node: its number

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The number of each parameter, by its id."""
        return {id(v): i for i, v in enumerate(self.parameters)}

    def codes(self, leaves: list[Value], users: Codes, floats: Codes) -> Codes:
        """The code of each leaf; `users` are the nodes that use them, for errors.

        `floats` are ids of the floats that leaves stand for, as `as_arrays` has them.
        """
        ids, known = _ids(leaves), _ids(self.parameters)
        order = np.argsort(known)
        number = np.append(order, len(known))[np.searchsorted(known[order], ids)]
        apart = self.made.union(self.tracer.inputs, self.tracer.sources)
        own = (floats >= 0) & (np.append(known, 0)[number] == ids)
        own &= ~among(ids, np.fromiter(apart, np.int64, len(apart)))
        codes: Codes = np.where(own, PARAMETERS + number, 0)
        plain = (floats > 0) & ~own
        places, before = occurrences(floats[plain])
        codes[plain] = CONSTANTS + places
        first = np.flatnonzero(plain)[before < 0]
        self.constants = [leaves[k]._static for k in first.tolist()]
        self._constant_of = {id(x): k for k, x in enumerate(self.constants)}
        for k in np.flatnonzero(~own & ~plain).tolist():
            codes[k] = self._code(leaves[k], int(users[k]))
        return codes

    def _code(self, v: Value, user: int) -> int:
        static = v._static
        if static is not None and v._row is None:
            return self._constant(static)
        if id(v) in self.tracer.inputs:
            return INPUTS + self.tracer.inputs[id(v)]
        if id(v) in self.tracer.sources:
            return self._code_of_source(self.tracer.sources[id(v)], user)
        if v._row is BY_HAND:
            raise Unrecordable(MADE_BY_HAND, user)
        if v._row is not None or isinstance(v, Read):
            raise Unrecordable(MADE_EARLIER, user)
        if id(v) in self.made:
            return self._constant(v._data)
        if id(v) not in self.numbers and is_left(v):
            raise Unrecordable(MADE_EARLIER, user)
        if id(v) not in self.numbers:
            self.numbers[id(v)] = len(self.parameters)
            self.parameters.append(v)
        return PARAMETERS + self.numbers[id(v)]

    def _code_of_source(self, source: Value, user: int) -> int:
        if source._row is None:
            return self._code(source, user)
        if not self._node_of:
            self._node_of = {id(v): i for i, v in enumerate(self.tracer.nodes)}
        return self._node_of[id(source)]

    def _constant(self, x: float) -> int:
        number = self._constant_of.setdefault(id(x), len(self.constants))
        if number == len(self.constants):
            self.constants.append(x)
        return CONSTANTS + number


def by_value(r: Recording) -> Recording:
    """The same with one constant for each number, whichever object it was: to be compared."""
    bits, number = np.unique(r.constants.view(np.int64), return_inverse=True)

    def changed(codes: Codes) -> Codes:
        constant = (codes >= CONSTANTS) & (codes < CHOICES)
        new = codes.copy()
        new[constant] = CONSTANTS + number.ravel()[codes[constant] - CONSTANTS]
        return new

    return replace(
        r, a=changed(r.a), b=changed(r.b), c=changed(r.c), outputs=changed(r.outputs),
        many={node: changed(codes) for node, codes in r.many.items()},
        constants=bits.view(np.float64),
    )  # fmt: skip


def met(r: Recording) -> list[int]:
    """The numbers of the parameters that the program uses, in the order in which it meets them."""
    return _first_uses(r)[0].tolist()  # type: ignore[no-any-return]


def by_use(r: Recording) -> list[int]:
    """The same numbers, those together that the same sort of operation uses first.

    Weights `w, b, w, w, b, …` as a program meets them become w…, b…, in which rows are affine.
    """
    numbers, nodes = _first_uses(r)
    rows = np.append(r.row, -1)[np.minimum(nodes, len(r))]
    return numbers[np.argsort(rows, kind="stable")].tolist()  # type: ignore[no-any-return]


def _first_uses(r: Recording) -> tuple[Codes, Codes]:
    """The parameters in the order in which they are met, and the node that meets each."""
    n = len(r)
    lists = [(r.a, 2 * np.arange(n)), (r.b, 2 * np.arange(n) + 1), (r.c, 2 * np.arange(n) + 1)]
    lists += [(codes, np.full(len(codes), 2 * node + 1)) for node, codes in r.many.items()]
    lists += [(r.outputs, np.full(len(r.outputs), 2 * n))]
    lists += [(codes, np.full(len(codes), 2 * n + 1)) for codes, _ in r.choices]
    codes = np.concatenate([codes for codes, _ in lists])
    places = np.concatenate([place for _, place in lists])
    own = (codes >= PARAMETERS) & (codes < INPUTS)
    codes, places = codes[own], places[own]
    order = np.argsort(places, kind="stable")
    numbers, first = np.unique(codes[order] - PARAMETERS, return_index=True)
    in_order = np.argsort(first)
    return numbers[in_order], places[order][first[in_order]] // 2
