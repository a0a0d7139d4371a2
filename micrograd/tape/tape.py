"""A recorded graph as plain data: what every picture and table of it is made from.

A `Tape` does not change when the Values it was taken from do: after an optimiser's step it still
holds the numbers of the pass that led to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from micrograd.core.walk import topological_order
from micrograd.engine import Value
from micrograd.errors import GraphError
from micrograd.ops import BY_HAND, FLOATS, OPS
from micrograd.tape.modules import Scope


@dataclass(frozen=True, slots=True)
class Node:
    """One value: a leaf, or the result of an operation on earlier nodes."""

    op: str  # a row of the op table, "" for a leaf or a node made by hand
    symbol: str  # what `Value._op` showed; "" for a leaf
    inputs: tuple[int, ...]  # positions on the tape, in order and with repeats
    static: float | None  # the static parameter of the operation
    value: float
    gradient: float | None  # None: no backward pass came here
    local: tuple[float, ...]  # the derivative of this node by each input; () if made by hand
    label: str
    scope: Scope | None  # the module that computed it
    number: int | None = None  # of a plain number in an expression: the same one, the same number

    def text(self, operands: list[str]) -> str:
        """The operation on operands given as text."""
        if self.op in OPS:
            static = () if self.static is None else (f"{self.static:g}",)
            return OPS[self.op].text(*operands, *static)
        return f"{self.symbol}({', '.join(operands)})" if self.inputs else self.label


@dataclass(frozen=True, slots=True)
class Tape:
    """Nodes in an order in which they can be computed; the last one is the result."""

    nodes: tuple[Node, ...]

    def users(self) -> list[list[int]]:
        """For each node, those that have it as an input, each once."""
        users: list[list[int]] = [[] for _ in self.nodes]
        for i, node in enumerate(self.nodes):
            for j in dict.fromkeys(node.inputs):
                users[j].append(i)
        return users


def take(root: Value, made: Sequence[Value] = ()) -> tuple[Tape, dict[Value, int]]:
    """The tape of everything that `root` was computed from, and where on it each Value is.

    `made` is an order of operations, such as that in which a program made them; others come first.

    >>> a = Value(3.0, label="a")
    >>> tape, position = take(a * a)
    >>> tape.nodes[1].op, tape.nodes[1].inputs, tape.nodes[1].local
    ('mul', (0, 0), (3.0, 3.0))
    """
    order = _in_order(topological_order(root), made)
    position = {v: i for i, v in enumerate(order)}
    numbers: dict[int, int] = {}  # the ids of plain numbers; the Values hold these
    return Tape(tuple(_node(v, position, numbers) for v in order)), position


def _in_order(order: list[Value], made: Sequence[Value]) -> list[Value]:
    """The Values in the order of `made`, each leaf before its first user."""
    needed = dict.fromkeys(order)
    known = {v: None for v in made if v in needed}
    operations = [v for v in order if v._row is not None and v not in known] + list(known)
    placed: dict[Value, None] = {}
    for v in operations:
        placed |= dict.fromkeys(x for x in (*v._inputs, v) if x not in placed)
    return list(placed) or order


def _node(v: Value, position: dict[Value, int], numbers: dict[int, int]) -> Node:
    row, inputs = v._row, v._inputs
    local: tuple[float, ...] = ()
    if row is not None and row is not BY_HAND:
        static = () if v._static is None else (v._static,)
        local = row.vjp(FLOATS, 1.0, v.data, *[x.data for x in inputs], *static)
    return Node(
        op="" if row is None or row is BY_HAND else row.name,
        symbol=v._op,
        inputs=tuple(position[x] for x in inputs),
        static=v._static if row is not None else None,
        value=float(v.data),
        gradient=float(v.grad) if v._reached else None,
        local=tuple(float(d) for d in local),
        label=v.label,
        scope=None if v._more is None else v._more.scope,
        number=None
        if row is not None or v._static is None
        else numbers.setdefault(id(v._static), len(numbers)),
    )


def check_current(tape: Tape) -> None:
    """Raise a GraphError if a number was changed after others were computed from it."""
    for node in tape.nodes:
        if node.op:
            static = () if node.static is None else (node.static,)
            now = OPS[node.op].f(*(tape.nodes[j].value for j in node.inputs), *static)
            if now != node.value and not (now != now and node.value != node.value):
                raise GraphError(
                    "the data of a Value was changed after the result was computed from it, so the "
                    "numbers do not belong together; do this before the update, or compute it again"
                )
