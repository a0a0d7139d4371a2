"""What rewritten code asks: both sides of a branch on traced data, and choices between them.

Everything does what Python does unless a number that is traced decides. `Sides` belongs to one
function that is compiled; `decided_sites` are branches of which a program has one side only,
because a select cannot express what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from micrograd.compiler.trace.numbers.maybe import an_uncertain, that, there
from micrograd.compiler.trace.numbers.merging import NOTHING, Maybe, conjunction, merged, negated
from micrograd.compiler.trace.numbers.reads import Read, Truth
from micrograd.compiler.trace.numbers.refusing import current, undecided
from micrograd.compiler.trace.numbers.tracer import Side, Tracer
from micrograd.compiler.trace.rewritten.branches import (
    PLAIN,
    PlainBranch,
    TracedBranch,
    compared,
    key_of,
    outermost,
    tested,
    truth,
    whether,
)
from micrograd.compiler.trace.rewritten.calling import Callables
from micrograd.compiler.trace.rewritten.effects import Effects
from micrograd.compiler.trace.rewritten.rewriting import rewritten
from micrograd.compiler.trace.rewritten.source import NoSource
from micrograd.compiler.trace.world.asks import asks_truths


class Sides(Effects):
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
            if asks_truths(f.__code__):
                undecided(f"`is True` asks for a truth that may be traced, and {why}")
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

    def _tracing(self, test: Any, site: Hashable) -> Tracer | None:
        """The trace in which a branch has both its sides; None if it has one."""
        tracer = current()
        decided = tracer is None or (site in self.decided_sites and not tracer.sides)
        return tracer if isinstance(test, Read) and not decided else None

    def branch(
        self, test: Any, site: Hashable, names: tuple[str, ...], *values: Callable[[], Any]
    ) -> PlainBranch | TracedBranch:
        """The sides of an `if`: one, or both if the test is traced."""
        test = tested(test)
        tracer = self._tracing(test, site)
        if tracer is None:
            return PLAIN[bool(test)]
        return TracedBranch(tracer, truth(test), site, names, values)

    def either(
        self, test: Any, site: Hashable, yes: Callable[[], Any], no: Callable[[], Any]
    ) -> Any:
        """`yes() if test else no()`."""
        test = tested(test)
        tracer = self._tracing(test, site)
        if tracer is None:
            return yes() if test else no()
        condition = truth(test)
        a = self._side(tracer, Side(site, condition), yes)
        b = self._side(tracer, Side(site, negated(condition)), no)
        return merged(condition, a, b, "the result", outermost(site))

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
        first = compared(ops[0], left, right)
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
            holds = self.either(around, site, partial(_answer, test), lambda: False)
            tracer = self._tracing(holds, site)
            if tracer is None:
                if holds:
                    yield element()
            else:
                condition = truth(holds)
                outer = outermost(site)
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


def _answer(test: Callable[[], Any]) -> Any:
    return whether(test())
