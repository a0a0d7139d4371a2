"""What rewritten code does besides computing: it sets, raises, yields, on a side or on none."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from micrograd.compiler.trace.numbers.indexing import item
from micrograd.compiler.trace.numbers.maybe import certain
from micrograd.compiler.trace.numbers.merging import Unset, maybe, merged
from micrograd.compiler.trace.numbers.reads import Read
from micrograd.compiler.trace.numbers.refusing import current, raises, undecided
from micrograd.compiler.trace.numbers.tracer import Side
from micrograd.compiler.trace.rewritten.branches import held, outermost
from micrograd.errors import CompileError

AUGMENTED = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "Pow": "pow", "MatMult": "matmul",
    "FloorDiv": "floordiv", "Mod": "mod", "BitAnd": "and", "BitOr": "or", "BitXor": "xor",
    "LShift": "lshift", "RShift": "rshift",
}  # fmt: skip
MUTABLE = (list, dict, set, bytearray)


class Effects:
    """Effects that a side of a branch may have; what outlasts it otherwise is refused."""

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
            value = maybe(value, tuple(side.condition for side in own), outermost(None))
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
        return self._masked(lambda: held(old, "a name of another scope", None), new, "a name")

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
