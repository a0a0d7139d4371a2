"""What a name is after a branch on traced data: of each side its value, as one.

A number is chosen by a select, lists and the like part by part. What the sides have in common is
kept out of the select: `total + u` or `total` is `total` plus `u` or 0, so that sums stay sums.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from itertools import zip_longest
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from micrograd.compiler.trace.numbers.reads import Read, Truth, as_one_of, choose
from micrograd.compiler.trace.numbers.records import attributes_of, is_record, record_like
from micrograd.compiler.trace.numbers.refusing import Restart, current, undecided
from micrograd.engine import Value, as_operand
from micrograd.functions import apply
from micrograd.tensors.tensor import Tensor

MOST_JOINED = 64  # elements of lists that are not alike
MOST_ADDED = 64  # of a sum, how far back what both sides begin with is sought
NUMBERS = (Real, np.bool_)


class Unset:
    """A variable that is not one thing after a branch; whatever uses it is refused."""

    def __init__(self, reason: str, site: Hashable = None) -> None:
        self._why = reason
        self._site = site

    def _used(self, *_: Any) -> NoReturn:
        tracer = current()
        if tracer is not None and tracer.guarding and self._site is not None:
            raise Restart(self._site, self._why)
        undecided(self._why)

    def __getattr__(self, name: str) -> Any:
        self._used()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _used
    __rtruediv__ = __pow__ = __rpow__ = __neg__ = __abs__ = __call__ = __getitem__ = _used
    __iter__ = __len__ = __bool__ = __float__ = __int__ = __index__ = __contains__ = _used
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __str__ = __format__ = _used
    __hash__ = _used


class Maybe(Unset):
    """An element of a list that is there where all of these conditions hold."""

    def __init__(self, value: Any, conditions: tuple[Any, ...], site: Hashable) -> None:
        super().__init__(
            "an element is in a list or not, depending on traced data; `sum`, `len`, `max`, loops "
            "and comprehensions may be over such a list",
            site,
        )
        self.value = value
        self.conditions = conditions
        self.site = site

    def refuse(self, what: str) -> NoReturn:
        """Refuse something that needs to know which elements there are."""
        self._why = f"{what} of a list whose elements are there or not, depending on traced data"
        self._used()


def conjunction(conditions: Iterable[Any]) -> Any:
    """Whether all hold: True, False, or a traced truth."""
    tracer = current()
    result: Any = True
    for c in conditions:
        if not isinstance(c, Truth):
            if not c:
                return False
        elif result is True:
            result = c
        elif result is not c:
            known = {} if tracer is None else tracer.joint
            key = id(result), id(c)
            if key not in known:
                known[key] = merged(result, c, False)
            result = known[key]
    return result


class _Nothing:
    """What a function returns on a side that does not return."""


NOTHING = _Nothing()


def merged(
    condition: Read, a: Any, b: Any, name: str = "what is computed", site: Hashable = None
) -> Any:
    """`a` where the condition holds, else `b`; an `Unset` where a program cannot hold both."""
    if a is b:
        return a
    if a is NOTHING or b is NOTHING:
        return b if a is NOTHING else a
    for x in (a, b):
        if isinstance(x, Unset):
            return Unset(x._why, x._site) if type(x) is Maybe else x
    if _is_number(a) and _is_number(b):
        return _number(condition, a, b)
    joined = _joined(condition, a, b, site)
    if joined is not None:
        return joined
    parts = _parts(a, b)
    if parts is None:
        reason = (
            f"{name} is {_named(a)} or {_named(b)}, depending on traced data; a program can choose "
            "between numbers, and between lists, tuples, dicts and arrays of them that are alike"
        )
        return Unset(reason, site)
    whole, pairs = parts
    return whole([merged(condition, x, y, name, site) for x, y in pairs])


def _joined(condition: Read, a: Any, b: Any, site: Hashable) -> Any:
    """Lists that are not alike as one, of what both hold and of elements that one of them has."""
    if type(a) is not type(b) or type(a) not in (list, tuple):
        return None
    if len(a) == len(b) and not any(type(x) is Maybe for x in (*a, *b)):
        return None
    first, last, most = 0, 0, min(len(a), len(b))
    while first < most and a[first] is b[first]:
        first += 1
    while last < most - first and a[-1 - last] is b[-1 - last]:
        last += 1
    if len(a) + len(b) - first - last > MOST_JOINED + max(len(a), len(b)):
        return None
    end = len(a) - last
    middle = [maybe(x, (condition,), site) for x in a[first:end]]
    middle += [maybe(x, (negated(condition),), site) for x in b[first : len(b) - last]]
    return type(a)([*a[:first], *middle, *a[end:]])


def maybe(x: Any, conditions: tuple[Any, ...], site: Hashable) -> Maybe:
    """An element that is there where these hold, too."""
    if type(x) is Maybe:
        return Maybe(x.value, (*conditions, *x.conditions), x.site)
    return Maybe(x, conditions, site)


def _is_number(x: Any) -> bool:
    return isinstance(x, (Value, *NUMBERS))


def _named(x: Any) -> str:
    text = repr(x) if x is None or isinstance(x, str | Real) else ""
    size = f" of length {len(x)}" if isinstance(x, list | tuple | dict) else ""
    return text[:40] or f"a {type(x).__name__}{size}"


def _parts(a: Any, b: Any) -> tuple[Callable[[list[Any]], Any], list[tuple[Any, Any]]] | None:
    """What puts both together again, and their parts in pairs; None if they are not alike."""
    sort = type(a)
    if sort is not type(b):
        return None
    if isinstance(a, list | tuple) and len(a) == len(b):
        whole = sort._make if hasattr(sort, "_make") else sort
        return whole, list(zip(a, b, strict=True))
    if isinstance(a, dict) and list(a) == list(b):
        return lambda parts: sort(zip(a, parts, strict=True)), [(a[k], b[k]) for k in a]
    if isinstance(a, Tensor) and a.shape == b.shape:
        pairs = list(zip(a._values.flat, b._values.flat, strict=True))
        return lambda parts: Tensor(_array(parts, a.shape), a.requires_grad), pairs
    if isinstance(a, np.ndarray) and a.shape == b.shape:
        return lambda parts: _array(parts, a.shape), list(zip(a.flat, b.flat, strict=True))
    if is_record(a):
        mine, theirs = attributes_of(a), attributes_of(b)
        if mine.keys() != theirs.keys():
            return None
        return partial(record_like, a), [(mine[n], theirs[n]) for n in mine]
    return (lambda _: a, []) if isinstance(a, str) and a == b else None


def _array(parts: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    made = np.empty(len(parts), object)
    made[:] = parts
    return made.reshape(shape)


def _number(condition: Read, a: Any, b: Any) -> Any:
    plain = not isinstance(a, Value) and not isinstance(b, Value)
    if plain and type(a) is type(b) and (a == b or (a != a and b != b)) and repr(a) == repr(b):
        return a
    if all(isinstance(x, bool | Truth) for x in (a, b)):
        a, b = _known(a, condition, True), _known(b, condition, False)
        if a is b:
            return a
        if isinstance(a, bool) and isinstance(b, bool):
            return condition if a else negated(condition)
    made = _sum(condition, a, b)
    if any(isinstance(x, Value) and not isinstance(x, Read) for x in (a, b)):
        tracer = current()
        if tracer is not None:
            tracer.merges[id(made)] = made, condition, a, b
        return made
    return as_one_of(made, (a, b))


def truth_of(x: Any) -> Any:
    """Whether a number or a Value is true: True, False or a traced truth.

    A Value is, whatever its number; not so what is a Value on one side and a number on the other.
    """
    tracer = current()
    if tracer is None or isinstance(x, Truth) or not isinstance(x, Value):
        return x if isinstance(x, Truth) else bool(x)
    if isinstance(x, Read):
        if id(x) not in tracer.opposites:
            tracer.opposites[id(x)] = x != 0
        return tracer.opposites[id(x)]
    if id(x) not in tracer.merges:
        return True
    _, condition, a, b = tracer.merges[id(x)]
    return merged(condition, truth_of(a), truth_of(b))


def are_one(x: Any, y: Any) -> Any:
    """Whether two are the same object: what depends on a branch is one of its sides."""
    tracer = current()
    if tracer is None or x is y:
        return x is y
    for one, other in ((x, y), (y, x)):
        if id(one) in tracer.merges:
            _, condition, a, b = tracer.merges[id(one)]
            return merged(condition, are_one(a, other), are_one(b, other))
    return False


def negated(condition: Any) -> Any:
    """The opposite of a condition."""
    tracer = current()
    known = {} if tracer is None else tracer.opposites
    opposite = known.get(id(condition))
    if opposite is None:
        opposite = apply("equal", condition, 0.0)
        opposite.__class__ = Truth
        known[id(condition)], known[id(opposite)] = opposite, condition
    return opposite


def _known(x: Any, condition: Any, holds: bool) -> Any:
    """What is known of a truth where a condition holds, or does not."""
    if x is condition:
        return holds
    if isinstance(x, Truth) and negated(condition) is x:
        return not holds
    return x


def _sum(condition: Read, a: Any, b: Any) -> Value:
    """The choice; what both begin with stays outside of it."""
    common = _common(a, b)
    if common is None:
        return choose(condition, as_operand(a), as_operand(b))
    base, more_a, more_b = common
    return base + choose(condition, _added(more_a), _added(more_b))  # type: ignore[no-any-return]


Addends = list[tuple[Value, bool]]  # and whether each is subtracted


def _common(a: Any, b: Any) -> tuple[Any, Addends, Addends] | None:
    """What both sums begin with, and what each adds; None if there is nothing."""
    if isinstance(a, Truth) or isinstance(b, Truth):
        return None
    seen_a: dict[Any, Addends] = {}
    seen_b: dict[Any, Addends] = {}
    for of_a, of_b in zip_longest(_beginnings(a), _beginnings(b)):
        for found, own, other in ((of_a, seen_a, seen_b), (of_b, seen_b, seen_a)):
            if found is not None:
                base, more = found
                key = _key(base)
                own.setdefault(key, more)
                if key in other:
                    both = seen_a[key], seen_b[key]
                    return (base, *both) if any(both) else None
    return None


def _beginnings(x: Any) -> Iterator[tuple[Any, Addends]]:
    """What a sum is added to, from the sum itself on, and what is added."""
    yield x, []
    added: Addends = []
    for _ in range(MOST_ADDED):
        row = x._row if isinstance(x, Value) else None
        if row is None or not (row.adds or row.subtracts):
            return
        first, second = x._inputs
        if not added and row.adds:
            yield second, [(first, False)]
        added = [(second, row.subtracts), *added]
        yield first, added
        x = first


def _key(x: Any) -> Any:
    """The same for the same operand, and for equal plain numbers."""
    if isinstance(x, Value):
        return repr(x._data) if x._row is None and x._static is not None else id(x)
    return repr(float(x))


def _added(more: Addends) -> Value:
    total: Any = None
    for x, subtracted in more:
        if total is None:
            total = -x if subtracted else x
        else:
            total = total - x if subtracted else total + x
    return as_operand(0.0) if total is None else total  # type: ignore[no-any-return]
