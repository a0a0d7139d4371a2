"""What rewritten code asks: both sides of a branch on traced data, and choices between them.

Everything does what Python does unless a number that is traced decides. `Sides` belongs to one
function that is compiled; `decided_sites` are branches of which a program has one side only,
because a select cannot express what they do.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from micrograd.compiler.trace.calling import Callables
from micrograd.compiler.trace.indexing import contained, item
from micrograd.compiler.trace.merging import NOTHING, Unset, merged, negated
from micrograd.compiler.trace.rewriting import rewritten
from micrograd.compiler.trace.source import NoSource
from micrograd.compiler.trace.tracer import (
    Read,
    Side,
    Tracer,
    Truth,
    current,
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

    errors = Exception
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
    ) -> Iterator[TracedBranch]:
        """The sides of an `if`: one, or both if the test is traced."""
        tracer = current()
        if not isinstance(test, Read) or tracer is None:
            yield TracedBranch(self, bool(test), names)
            return
        if site in self.decided_sites and not tracer.sides:
            yield TracedBranch(self, bool(test), names)
            return
        condition = truth(test)
        start = [
            _held(value, name, _outermost(site)) for name, value in zip(names, values, strict=True)
        ]
        yes = TracedBranch(self, True, names, Side(site, condition), start)
        yield yes
        no = TracedBranch(self, False, names, Side(site, negated(condition)), start, yes)
        yield no

    def either(
        self, test: Any, site: Hashable, yes: Callable[[], Any], no: Callable[[], Any]
    ) -> Any:
        """`yes() if test else no()`."""
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
        tracer.sides.append(side)
        try:
            return run()
        except Exception as error:
            self.raised(error)
            raise
        finally:
            tracer.sides.pop()

    def matched(self, x: Any) -> Any:
        """What `match` compares with its cases."""
        return bool(x) if isinstance(x, Truth) else x

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

    def raised(self, error: BaseException) -> None:
        """Refuse an error that a side raises: the program may never come there."""
        tracer = current()
        if tracer is not None and tracer.sides and not isinstance(error, CompileError):
            undecided(f"one side of a branch on traced data raises {type(error).__name__}: {error}")

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


class TracedBranch:
    """One run through an `if` statement: `taken` says through which side."""

    def __init__(
        self, sides: Sides, taken: bool, names: tuple[str, ...], side: Side | None = None,
        start: list[Any] | None = None, other: TracedBranch | None = None,
    ) -> None:  # fmt: skip
        self.taken = taken
        self._sides, self._names, self._side = sides, names, side
        self._start, self._other = start or [], other
        self._end: list[Any] = []
        tracer = current()
        if side is not None and tracer is not None:
            tracer.sides.append(side)

    def failed(self, error: BaseException) -> None:
        """Called where the side raises."""
        self._sides.raised(error)
        self._left()

    def leave(self, *values: Callable[[], Any]) -> list[Any]:
        """What the names are that the sides set: before the other side, or after both."""
        self._left()
        site = None if self._side is None else _outermost(self._side.site)
        end = [_held(value, name, site) for name, value in zip(self._names, values, strict=True)]
        if self._side is None:
            return end
        if self._other is None:
            self._end = end
            return self._start
        condition = negated(self._side.condition)
        return [
            merged(condition, a, b, f"the variable {name}", site)
            for a, b, name in zip(self._other._end, end, self._names, strict=True)
        ]

    def _left(self) -> None:
        tracer = current()
        if self._side is not None and tracer is not None and self._side in tracer.sides:
            del tracer.sides[tracer.sides.index(self._side) :]


def _outermost(site: Hashable) -> Hashable:
    """The branch to decide where this one is not to have two sides."""
    tracer = current()
    return tracer.sides[0].site if tracer is not None and tracer.sides else site


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
