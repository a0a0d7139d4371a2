"""A recorded graph read as units: what each card of a gradient diagram stands for.

A unit is an input, a neuron (a sum of weights times units, and what is applied to it), or a small
expression. Units are read from the recorded operations and the scopes of the modules they were
made in, never from classes: an addition after a layer is a unit of its own, and a weight that is
used twice has two places where its gradient comes from.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from micrograd.errors import GraphError
from micrograd.ops import OPS
from micrograd.tape.tape import Tape
from micrograd.text.derivatives import derivative
from micrograd.text.equations import Applied, Quantity, quantities, symbolic
from micrograd.text.words import exact

MOST_INLINED = 2  # variables of an expression that is written within another
LONGEST_FORMULA = 48  # characters of a derivative; what has a longer one is read in parts
SHORT_NAME = 4  # characters
MOST_OTHERS = 3  # samples whose losses are written one by one
ALL_OTHERS = -1
LONGEST_CONSTANT = 6  # characters of a plain number that is written in full


@dataclass(frozen=True)
class Leaf:
    """What a unit of the picture may be computed from: its place on the tape and its name."""

    position: int
    name: str
    kind: str  # PARAMETER, INPUT or TARGET


PARAMETER, INPUT, TARGET = "parameter", "input", "target"


@dataclass
class Line:
    """An equation of a card: `result` = `formula`; the result is at `position` on the tape."""

    position: int
    formula: Any
    result: Quantity
    direct: frozenset[int] = (
        frozenset()
    )  # of what it reads: what it is computed from otherwise, too

    def local(self, by: Quantity) -> Any:
        """The derivative of the result by one of the formula's quantities, as an expression."""
        return derivative(self.formula, by, self.result)


@dataclass
class Unit:
    """A card: one equation, or with an activation two, `z = W·x + b` and `h = f(z)`."""

    lines: list[Line]
    linear: bool  # whether the first line is a sum of weights times units
    depth: int = 0  # linear units on the way here, with this one
    scope: str = ""
    key: str = ""

    @property
    def position(self) -> int:
        """Where on the tape what it hands on is."""
        return self.lines[-1].position

    @property
    def result(self) -> Quantity:
        """What it hands on."""
        return self.lines[-1].result

    @property
    def layer(self) -> str:
        """The module that it and those beside it belong to."""
        return re.sub(r"[.\[]\d+\]?$", "", self.scope)

    @property
    def before(self) -> Line:
        """The line that reads other units."""
        return self.lines[0]

    @property
    def activation(self) -> Line | None:
        """The second line, if there is one."""
        return self.lines[1] if len(self.lines) > 1 else None


@dataclass(frozen=True)
class Product:
    """A term of a linear unit: a weight times what it is the weight of."""

    weight: Quantity
    unit: Quantity


def products(formula: Any, parameters: Set[int]) -> tuple[list[Product], list[Quantity]] | None:
    """The weighted terms and the single terms of a sum; None if it is no such sum.

    A sum is linear if at least one of its terms is a weight times something else.
    """
    weighted, single = [], []
    for term in terms(formula):
        if isinstance(term, Quantity):
            single.append(term)
            continue
        factors = term.operands if isinstance(term, Applied) and term.op.multiplies else ()
        if len(factors) != 2 or not all(isinstance(q, Quantity) for q in factors):
            return None
        trained = [q.tag in parameters for q in factors]
        if sum(trained) != 1:
            return None
        w, x = factors if trained[0] else reversed(factors)
        weighted.append(Product(w, x))
    return (weighted, single) if weighted else None


def terms(formula: Any) -> list[Any]:
    """What is added, from left to right, if it is a sum; else the whole."""
    found, waiting = [], [formula]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Applied) and part.op.adds:
            waiting += reversed(part.operands)
        else:
            found.append(part)
    return found


class TooManyUnitsError(Exception):
    """There are more units than were asked for."""


class Reader:
    """Reads the nodes of a tape that `shown` tells as units, in the order of their computation.

    With `most`, what has more units raises a TooManyUnitsError as soon as that is known.
    """

    def __init__(
        self, tape: Tape, leaves: Sequence[Leaf], shown: Sequence[bool], owner: Sequence[int],
        kept: Set[int], others: str, most: int = 0,
    ) -> None:  # fmt: skip
        self.others = others  # what the terms of other samples are called
        self.most = most
        self.tape, self.shown, self.owner, self.kept = tape, shown, owner, kept
        self.units: list[Unit] = []
        self.of: dict[int, Unit] = {}  # by the position of each of its lines
        self.leaves = {leaf.position: leaf for leaf in leaves}
        self.parameters = {leaf.position for leaf in leaves if leaf.kind == PARAMETER}
        self.users = tape.users()
        self._uses = [0] * len(tape.nodes)
        for node in tape.nodes:
            for j in node.inputs:
                self._uses[j] += 1
        self._named: dict[int, Quantity] = {}
        self._pending: dict[int, Any] = {}  # expressions that may be written within their user's
        self._place: dict[int, int] = {}  # of such an expression, by its id, on the tape

    def read(self) -> list[Unit]:
        """All units."""
        last = len(self.tape.nodes) - 1
        for i, node in enumerate(self.tape.nodes):
            if not self.shown[i] or not node.inputs:
                continue
            if not node.op:
                raise GraphError(
                    f"the node {node.symbol or i!r} was made by hand, so its local derivatives are "
                    "not known; draw it with op_graph"
                )
            if not (self._decided(i) or self._begun(i) or self._attached(i)):
                self._keep(i, self._applied(i))
            if i == last and i not in self.of and i not in self._pending:
                self._keep(i, self._named[i])
            if i in self._pending and (i == last or self._is_unit(i)):
                self._finish(i)
        if not self.units:
            raise GraphError("nothing was computed from the input; there is nothing to draw")
        self._drop_unused()
        return self.units

    def rename(self, position: int, name: str) -> None:
        """Call a leaf something else, wherever it is read."""
        self._named[position].name = name

    def _drop_unused(self) -> None:
        """Forget units that nothing shown is computed from: the other branch of a choice."""
        used = {self.units[-1].position}
        for unit in reversed(self.units):
            if used & {line.position for line in unit.lines}:
                used |= {q.tag for q in quantities(unit.before.formula) if isinstance(q.tag, int)}
        self.units = [u for u in self.units if used & {line.position for line in u.lines}]
        kept = {id(unit) for unit in self.units}
        self.of = {i: u for i, u in self.of.items() if id(u) in kept}

    # ---- one node --------------------------------------------------------------------------------

    def _applied(self, i: int) -> Any:
        node = self.tape.nodes[i]
        op = OPS[node.op]
        operands = [self._operand(j) for j in node.inputs]
        sums = op.adds
        weighted = op.multiplies and all(isinstance(x, Quantity) for x in operands)
        if not sums and not weighted:
            inner = [x for x in operands if isinstance(x, Applied)]
            linear = [x for x in inner if products(x, self.parameters)]
            scaled = len(inner) == 1 and not self._variables(
                [x for x in operands if x not in inner]
            )
            if linear or len(self._variables(operands)) > MOST_INLINED + scaled:
                operands = [self._unit_of(x) if isinstance(x, Applied) else x for x in operands]
        return Applied(op, tuple(operands), node.static)

    def _decided(self, i: int) -> bool:
        """Whether a node is a number, or another node, at this point: a comparison, a choice."""
        node = self.tape.nodes[i]
        op = OPS[node.op]
        if op.chooses:
            condition, *branches = node.inputs
            taken = branches[0] if self.tape.nodes[condition].value else branches[1]
            chosen = self._operand(taken)
            if isinstance(chosen, Quantity):
                self._named[i] = chosen
                return True
            self._keep(i, chosen)
            return True
        if op.compares:
            self._named[i] = Quantity("", node.value, None, exact=True)
            return True
        return False

    def _begun(self, i: int) -> bool:
        """Whether a node adds something to the 0 that a sum starts from: it is that something."""
        node = self.tape.nodes[i]
        if not OPS[node.op].adds or node.label or i in self.kept:
            return False
        for start, other in (node.inputs, reversed(node.inputs)):
            first = self.tape.nodes[start]
            plain = not first.inputs and not first.label and start not in self.leaves
            if not plain or first.value != 0 or not self.shown[start]:
                continue
            if other in self._pending:
                self._keep(i, self._pending.pop(other))
            else:
                self._named[i] = self._quantity(other)
            return True
        return False

    def _operand(self, j: int) -> Any:
        if j in self._pending:
            return self._pending.pop(j)
        return self._quantity(j)

    def _quantity(self, j: int) -> Quantity:
        """The name of a node; a plain number has itself as its name."""
        if j not in self._named:
            node = self.tape.nodes[j]
            if j in self.leaves:
                self._named[j] = Quantity(self.leaves[j].name, node.value, j)
            elif node.label:
                self._named[j] = Quantity(node.label, node.value, j)
            elif self.shown[j]:
                short = len(exact(node.value)) <= LONGEST_CONSTANT
                self._named[j] = Quantity("", node.value, None, exact=short)
            else:
                sample = self.owner[j]
                self._named[j] = Quantity(f"L[{sample}]", node.value, Hidden(sample, (j,)))
        return self._named[j]

    def _attached(self, i: int) -> bool:
        """Whether a node is the activation of a linear unit, and becomes its second line."""
        node = self.tape.nodes[i]
        if len(node.inputs) != 1:
            return False
        (j,) = node.inputs
        if (
            j in self._pending
            and self._uses[j] == 1
            and products(self._pending[j], self.parameters)
        ):
            self._finish(j)
        unit = self.of.get(j)
        alone = self._uses[j] == 1 and not self.tape.nodes[j].label and j not in self.kept
        if unit is None or not unit.linear or unit.activation or not alone:
            return False
        formula = Applied(OPS[node.op], (unit.result,), node.static)
        self._named[i] = Quantity("", node.value, i)
        unit.lines.append(Line(i, formula, self._named[i]))
        self.of[i] = unit
        return True

    def _is_unit(self, i: int) -> bool:
        """Whether a node stands for itself: used twice, named, or handed on to something else."""
        if i in self.of:
            return False
        node = self.tape.nodes[i]
        if self._uses[i] != 1 or node.label or i in self.kept:
            return True
        (user,) = self.users[i]
        apart = self.owner[user] != self.owner[i]
        return apart or node.scope != self.tape.nodes[user].scope

    def _keep(self, i: int, expression: Any) -> None:
        self._pending[i] = expression
        self._place[id(expression)] = i

    # ---- units -----------------------------------------------------------------------------------

    def _finish(self, i: int) -> None:
        """Make a unit of a node whose expression is complete."""
        if i in self.of:
            return
        expression = self._pending.pop(i)
        linear = products(expression, self.parameters) is not None
        if not linear:
            expression = self._in_parts(self._with_units(expression))
        expression = self._gathered(expression)
        node = self.tape.nodes[i]
        result = self._named[i] = Quantity(node.label, node.value, i)
        below = [self.of[q.tag].depth for q in quantities(expression) if q.tag in self.of]
        scope = node.scope.module if node.scope else ""
        unit = Unit([Line(i, expression, result)], linear, max(below, default=0) + linear, scope)
        self.units.append(unit)
        self.of[i] = unit
        if 0 < self.most < len(self.units):
            raise TooManyUnitsError

    def _with_units(self, expression: Any) -> Any:
        """A sum, of whose terms those that are expressions are units if it would be too long."""
        parts = terms(expression)
        if len(parts) == 1 or len(self._variables(parts)) <= MOST_INLINED + 1:
            return expression
        simple = [x if _is_simple(x) else self._unit_of(x) for x in parts]
        return _sum(simple)

    def _gathered(self, expression: Any) -> Any:
        """The expression with what belongs to many other samples as one term of its sum."""
        if not isinstance(expression, Applied):
            return expression
        parts = terms(expression)
        if len(parts) == 1:
            operands = tuple(map(self._gathered, expression.operands))
            return Applied(expression.op, operands, expression.static)
        hidden = [x for x in parts if isinstance(x, Quantity) and isinstance(x.tag, Hidden)]
        own = [self._gathered(x) for x in parts if x not in hidden]
        few = len(hidden) <= MOST_OTHERS and len({x.tag for x in hidden}) == len(hidden)
        if not hidden or (few and len(own) == 1):
            return expression
        total = math.fsum(x.value for x in hidden)
        positions = tuple(i for x in hidden for i in x.tag.positions)
        return _sum([*own, Quantity(self.others, total, Hidden(ALL_OTHERS, positions))])

    def _in_parts(self, expression: Any) -> Any:
        """An expression on units, if without them a derivative is too long to be read."""
        while self._is_long(expression):
            sums = expression.op.adds
            parts = terms(expression) if sums else list(expression.operands)
            inner = [x for x in parts if isinstance(x, Applied) and id(x) in self._place]
            if not inner:
                break
            units = [max(inner, key=_length)] if sums else inner
            parts = [self._unit_of(x) if any(x is y for y in units) else x for x in parts]
            expression = (
                _sum(parts) if sums else Applied(expression.op, tuple(parts), expression.static)
            )
        return expression

    def _is_long(self, expression: Any) -> bool:
        if not isinstance(expression, Applied):
            return False
        read_in: dict[Quantity, list[Any]] = defaultdict(list)
        for term in terms(expression):
            for q in quantities(term):
                read_in[q].append(term)
        return any(_has_long_slope(found, q) for q, found in read_in.items()
                   if isinstance(q.tag, int))  # fmt: skip

    def _unit_of(self, expression: Any) -> Quantity:
        i = self._place[id(expression)]
        self._pending[i] = expression
        self._finish(i)
        return self._named[i]

    def _variables(self, expressions: Sequence[Any]) -> set[Any]:
        found = (q for x in expressions for q in quantities(x))
        return {q.tag for q in found if isinstance(q.tag, int) and not self._is_target(q)}

    def _is_target(self, q: Quantity) -> bool:
        return q.tag in self.leaves and self.leaves[q.tag].kind == TARGET


@dataclass(frozen=True)
class Hidden:
    """The tag of what belongs to another sample, or to all others; where on the tape it is."""

    sample: int
    positions: tuple[int, ...] = field(default=(), compare=False)


def _is_simple(term: Any) -> bool:
    """A quantity, or a product of two."""
    if isinstance(term, Applied) and term.op.multiplies:
        return all(isinstance(x, Quantity) for x in term.operands)
    return not isinstance(term, Applied)


def _length(expression: Any) -> int:
    """Characters, with names as short as they may be."""
    pieces = symbolic(expression)
    return sum(len(text) if tag is None else SHORT_NAME for text, tag in pieces)


def _has_long_slope(summands: Sequence[Any], by: Quantity) -> bool:
    """Whether the derivative of a sum, of which these read a quantity, is too long to be read."""
    length = 0
    for x in summands if len(summands) > 1 else ():
        slope = derivative(x, by)
        length += _length(slope) + 1 if isinstance(slope, Quantity | Applied) else 0
        if length > 2 * LONGEST_FORMULA:  # signs may go when all is written
            return True
    whole = _sum(summands)
    return _length(derivative(whole, by, Quantity("", float(whole), -1))) > LONGEST_FORMULA


def _sum(parts: Sequence[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = Applied(OPS["add"], (total, part))
    return total
