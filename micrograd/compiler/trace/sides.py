"""What rewritten code asks: both sides of a branch on traced data, and choices between them.

Everything does what Python does unless a number that is traced decides. `Sides` belongs to one
function that is compiled; `decided_sites` are branches of which a program has one side only,
because a select cannot express what they do.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from micrograd.compiler.trace.calling import Callables
from micrograd.compiler.trace.indexing import contained, item
from micrograd.compiler.trace.maybe import an_uncertain, certain, some, that, there
from micrograd.compiler.trace.merging import (
    NOTHING,
    Maybe,
    Unset,
    conjunction,
    merged,
    negated,
)
from micrograd.compiler.trace.rewriting import rewritten
from micrograd.compiler.trace.source import NoSource
from micrograd.compiler.trace.tracer import (
    Read,
    Side,
    Tracer,
    Truth,
    current,
    raises,
    undecided,
)
from micrograd.errors import CompileError

COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge,
    "Eq": operator.eq, "NotEq": operator.ne,
}  # fmt: skip
AUGMENTED = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "Pow": "pow", "MatMult": "matmul",
    "FloorDiv": "floordiv", "Mod": "mod", "BitAnd": "and", "BitOr": "or", "BitXor": "xor",
    "LShift": "lshift", "RShift": "rshift",
}  # fmt: skip
MUTABLE = (list, dict, set, bytearray)


class Sides:
    """See the module; the public methods are what rewritten code calls."""

    slice = staticmethod(slice)

    def __init__(self) -> None:
        self.decided_sites: dict[Hashable, str] = {}  # and why
        self.unbounded = False  # whether a loop may run for ever where numbers are others
        self.unwritten: dict[str, str] = {}  # functions that are as they were, and why
        self._made: dict[int, tuple[FunctionType, FunctionType]] = {}
        self._own: set[CodeType] = set()
        self._calls = Callables(self)

    # ---- functions -----------------------------------------------------------------------------

    def converted(self, f: FunctionType) -> FunctionType:
        """The function rewritten; as it is if that cannot be."""
        if f.__code__ in self._own:
            return f
        known = self._made.get(id(f))
        if known is not None and known[0].__code__ is f.__code__:
            return known[1]
        try:
            new = rewritten(f, self)
            self._note(new.__code__)
        except NoSource as why:
            self.unwritten[f.__qualname__] = str(why)
            new = f
        self._made[id(f)] = f, new
        return new

    def is_own(self, f: FunctionType) -> bool:
        """Whether it is rewritten code, which asks before it does anything."""
        return f.__code__ in self._own

    def _note(self, code: CodeType) -> None:
        self._own.add(code)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._note(constant)

    def call(self, f: Any) -> Any:
        """What is called in the place of f."""
        return self._calls.replaced(f)

    # ---- branches ------------------------------------------------------------------------------

    def branch(
        self, test: Any, site: Hashable, names: tuple[str, ...], *values: Callable[[], Any]
    ) -> PlainBranch | TracedBranch:
        """The sides of an `if`: one, or both if the test is traced."""
        test = tested(test)
        tracer = current()
        if not isinstance(test, Read) or tracer is None:
            return PLAIN[bool(test)]
        if site in self.decided_sites and not tracer.sides:
            return PLAIN[bool(test)]
        return TracedBranch(tracer, truth(test), site, names, values)

    def either(
        self, test: Any, site: Hashable, yes: Callable[[], Any], no: Callable[[], Any]
    ) -> Any:
        """`yes() if test else no()`."""
        test = tested(test)
        tracer = current()
        if not isinstance(test, Read) or tracer is None:
            return yes() if test else no()
        if site in self.decided_sites and not tracer.sides:
            return yes() if test else no()
        condition = truth(test)
        a = self._side(tracer, Side(site, condition), yes)
        b = self._side(tracer, Side(site, negated(condition)), no)
        return merged(condition, a, b, "the result", _outermost(site))

    def both(self, x: Any, site: Hashable, other: Callable[[], Any]) -> Any:
        """`x and other()`."""
        return self.either(x, site, other, lambda: x)

    def one(self, x: Any, site: Hashable, other: Callable[[], Any]) -> Any:
        """`x or other()`."""
        return self.either(x, site, lambda: x, other)

    def no(self, x: Any) -> Any:
        """`not x`."""
        x = tested(x)
        return negated(truth(x)) if isinstance(x, Read) else not x

    def compared(
        self, ops: tuple[str, ...], site: Hashable, left: Any, *others: Callable[[], Any]
    ) -> Any:
        """A chain of comparisons: each operand is computed once, and no more than needed."""
        right = others[0]()
        first = _compared(ops[0], left, right)
        if len(others) == 1:
            return first
        return self.both(first, site, lambda: self.compared(ops[1:], site, right, *others[1:]))

    def _side(self, tracer: Tracer, side: Side, run: Callable[[], Any]) -> Any:
        depth = len(tracer.sides)
        tracer.sides.append(side)
        try:
            return run()
        except Exception as error:
            self.raised(error)
            raise
        finally:
            del tracer.sides[depth:]

    def matched(self, x: Any) -> Any:
        """What `match` compares with its cases."""
        return bool(x) if isinstance(x, Truth) else x

    # ---- elements that may not be there --------------------------------------------------------

    there = staticmethod(there)
    that = staticmethod(that)

    def each(self, xs: Any) -> Any:
        """What a loop goes through."""
        if type(xs) is dict and an_uncertain(xs) is not None:
            return [key_of(key, value) for key, value in xs.items()]
        return xs

    def elements(
        self, site: Hashable, found: Iterable[tuple[Any, Callable[[], Any], Callable[[], Any]]]
    ) -> Iterator[Any]:
        """Elements of a comprehension: from where, whether each is there, and what it is."""
        for sources, test, element in found:
            around = conjunction(map(there, sources))
            holds = self.either(around, site, partial(_tested_truth, test), lambda: False)
            tracer = current()
            if (
                tracer is None
                or not isinstance(holds, Read)
                or (site in self.decided_sites and not tracer.sides)
            ):
                if holds:
                    yield element()
            else:
                condition = truth(holds)
                outer = _outermost(site)
                value = self._side(tracer, Side(site, condition), element)
                conditions = (*(side.condition for side in tracer.sides), condition)
                yield Maybe(value, conditions, outer)

    def listed(self, site: Hashable, found: Iterable[Any]) -> list[Any]:
        """A list comprehension."""
        return list(self.elements(site, found))

    def entries(self, site: Hashable, found: Iterable[Any]) -> dict[Any, Any]:
        """A dict comprehension."""
        made: dict[Any, Any] = {}
        for x in self.elements(site, found):
            key, value = that(x)
            if type(x) is Maybe:
                if key in made:
                    x.refuse("an entry is set again")
                value = Maybe(value, x.conditions, x.site)
            made[key] = value
        return made

    # ---- jumps ---------------------------------------------------------------------------------

    def nothing(self) -> Any:
        """What a function has returned before it returns."""
        return NOTHING

    def returned(self, flag: Any, result: Any) -> Any:
        """What a function returns, of which the flag says whether it has met a `return`."""
        if isinstance(flag, Truth):
            undecided("a function returns a number or None, depending on traced data")
        return result if flag else None

    def over(self, flag: Any) -> bool:
        """Whether a `for` loop is over, whatever the numbers."""
        return flag is True

    def decided(self, flag: Any) -> bool:
        """Whether a loop without an end of its own is over here."""
        return bool(flag)

    # ---- effects -------------------------------------------------------------------------------

    def effect(self, what: str) -> None:
        """Refuse what outlasts a side, on one of two sides that are both traced."""
        tracer = current()
        if tracer is not None and tracer.sides:
            undecided(f"{what} on one side of a branch on traced data")

    def depth(self) -> int:
        """How many sides are around."""
        tracer = current()
        return 0 if tracer is None else len(tracer.sides)

    def caught(self, depth: int) -> None:
        """Called first where an error is caught that was raised inside of these many sides."""
        tracer, error = current(), sys.exc_info()[1]
        if tracer is not None and len(tracer.sides) > depth and error is not None:
            self.raised(error)
            del tracer.sides[depth:]

    def suspended(self, base: int, value: Any) -> Suspended:
        """What a generator yields, which may be there or not; its sides are left until it goes on.

        `base` is how many sides were around it when it was started.
        """
        tracer = current()
        own = [] if tracer is None else tracer.sides[base:]
        if tracer is not None and own:
            value = _element(value, tuple(side.condition for side in own), _outermost(None))
            del tracer.sides[base:]
        return Suspended(value, own)

    def resumed(self, base: int, held: Suspended) -> None:
        """Called where a generator goes on."""
        tracer = current()
        if tracer is not None and held.own:
            if len(tracer.sides) != base:
                undecided("a generator goes on in another branch on traced data than it began in")
            tracer.sides += held.own

    def raised(self, error: BaseException) -> None:
        """Refuse an error that a side raises: the program may never come there."""
        tracer = current()
        if tracer is not None and tracer.sides and not isinstance(error, CompileError):
            undecided(raises(error))

    def outer(self, old: Callable[[], Any], new: Any) -> Any:
        """What a name of another scope is set to: on a side that is not taken, what it was."""
        return self._masked(lambda: _held(old, "a name of another scope", None), new, "a name")

    def augmented(self, op: str, x: Any, y: Any) -> Any:
        """`x op= y`."""
        tracer = current()
        if tracer is None or not tracer.sides:
            return getattr(operator, f"i{AUGMENTED[op]}")(x, y)
        if isinstance(x, MUTABLE):
            self.effect(f"a {type(x).__name__} is changed")
        whole = AUGMENTED[op] + ("_" if AUGMENTED[op] in ("and", "or") else "")
        return getattr(operator, whole)(x, y)

    def set_item(self, x: Any, key: Any, value: Any, op: str = "") -> None:
        """`x[key] = value`, or `x[key] op= value`."""
        if op:
            value = self.augmented(op, item(x, key), value)
        if isinstance(key, Read):
            key = operator.index(key)
        if isinstance(x, list):
            certain(x, "an element is set")
        x[key] = self._masked(lambda: x[key], value, "an element")

    def set_attribute(self, x: Any, name: str, value: Any, op: str = "") -> None:
        """`x.name = value`, or `x.name op= value`."""
        if op:
            value = self.augmented(op, getattr(x, name), value)
        setattr(x, name, self._masked(lambda: getattr(x, name), value, f"the attribute {name}"))

    def _masked(self, old: Callable[[], Any], new: Any, what: str) -> Any:
        """The new value where all sides around are taken, else the old one."""
        tracer = current()
        if tracer is None or not tracer.sides:
            return new
        try:
            before = old()
        except (LookupError, AttributeError, TypeError):
            undecided(f"{what} is made on one side of a branch on traced data")
        for side in reversed(tracer.sides):
            new = merged(side.condition, new, before, what, tracer.sides[0].site)
        if isinstance(new, Unset):
            bool(new)  # raises
        return new

    def item(self, x: Any, key: Any) -> Any:
        """`x[key]`."""
        return item(x, key)


@dataclass(slots=True)
class Suspended:
    """What a generator has yielded, and the sides that it was on."""

    value: Any
    own: list[Side]


def _element(x: Any, conditions: tuple[Any, ...], site: Hashable) -> Maybe:
    """An element that is there where these hold, too."""
    if type(x) is Maybe:
        return Maybe(x.value, (*conditions, *x.conditions), x.site)
    return Maybe(x, conditions, site)


@dataclass(frozen=True, slots=True)
class PlainBranch:
    """An `if` statement of which one side is run."""

    yes: bool
    no: bool
    traced: bool = False


PLAIN = {True: PlainBranch(True, False), False: PlainBranch(False, True)}


class TracedBranch:
    """An `if` statement of which both sides are run, one after the other."""

    yes = no = traced = True

    def __init__(
        self, tracer: Tracer, condition: Any, site: Hashable, names: tuple[str, ...],
        values: Iterable[Callable[[], Any]],
    ) -> None:  # fmt: skip
        self._tracer, self._names, self._site = tracer, names, site
        self._condition = condition
        self._depth = len(tracer.sides)
        self._start = self._now(values)
        self._taken: list[Any] | None = None  # what the names are after the first side
        tracer.sides.append(Side(site, condition))

    def _now(self, values: Iterable[Callable[[], Any]]) -> list[Any]:
        site = _outermost(self._site)
        return [_held(x, name, site) for x, name in zip(values, self._names, strict=True)]

    def between(self, *values: Callable[[], Any]) -> list[Any]:
        """What the names are before the second side: what they were before the first."""
        del self._tracer.sides[self._depth :]
        self._taken = self._now(values)
        self._tracer.sides.append(Side(self._site, negated(self._condition)))
        return self._start

    def leave(self, *values: Callable[[], Any]) -> list[Any]:
        """What the names are after both sides."""
        del self._tracer.sides[self._depth :]
        end, other = self._now(values), self._start
        if self._taken is not None:
            end, other = self._taken, end
        site = _outermost(self._site)
        return [
            merged(self._condition, a, b, f"the variable {name}", site)
            for a, b, name in zip(end, other, self._names, strict=True)
        ]


def _outermost(site: Hashable) -> Hashable:
    """The branch to decide where this one is not to have two sides."""
    tracer = current()
    return tracer.sides[0].site if tracer is not None and tracer.sides else site


def key_of(key: Any, value: Any) -> Any:
    """The key of an entry that may not be there."""
    return Maybe(key, value.conditions, value.site) if type(value) is Maybe else key


def tested(x: Any) -> Any:
    """What is asked for its truth: a list is true if any of its elements is there."""
    return x if an_uncertain(x) is None else some(x)


def _tested_truth(test: Callable[[], Any]) -> Any:
    x = tested(test())
    return truth(x) if isinstance(x, Read) else bool(x)


def truth(x: Read) -> Truth:
    """Whether a traced number is true: one condition a number."""
    if isinstance(x, Truth):
        return x
    tracer = current()
    known = {} if tracer is None else tracer.opposites
    if id(x) not in known:
        known[id(x)] = x != 0
    return known[id(x)]  # type: ignore[no-any-return]


def _held(value: Callable[[], Any], name: str, site: Hashable) -> Any:
    """The value of a variable, which may have none."""
    try:
        return value()
    except NameError:
        reason = (
            f"the variable {name} is set on one side of a branch on traced data only: give it a "
            "value before the branch, or on the other side, too"
        )
        return Unset(reason, site)


def _compared(op: str, a: Any, b: Any) -> Any:
    if op in ("Is", "IsNot"):
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Unset):
                bool(x)  # raises
            if isinstance(x, Truth) and isinstance(y, bool):
                return x if y == (op == "Is") else negated(x)
        if isinstance(a, Read) and isinstance(b, Read) and a is not b:
            undecided("`is` compares traced numbers; compare them with ==")
        return (a is b) == (op == "Is")
    if op in ("In", "NotIn"):
        found = contained(a, b)
        if op == "In":
            return found
        return negated(found) if isinstance(found, Truth) else not found
    return COMPARED[op](a, b)
