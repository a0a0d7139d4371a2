"""Elements of lists that are there or not, as traced numbers decide.

`[v for v in xs if v > 0]` is a list of as many elements as xs has, each a `Maybe` with its
condition; so is a list to which one side of a branch appends. `sum`, `len`, loops and the like
know them; whatever else uses one is refused, and the branch decided.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from micrograd.compiler.trace.numbers.merging import Maybe, conjunction, merged, negated
from micrograd.compiler.trace.numbers.reads import RAISES, Truth, as_read
from micrograd.compiler.trace.numbers.refusing import current, decided

MISSING = object()
MOST_LOOKED_AT = 1000  # elements, for the first that is there
Holders: Any = (list, tuple, deque, type({}.values()))


def there(x: Any) -> Any:
    """Whether an element is there: True, or a traced truth."""
    if type(x) is not Maybe:
        return True
    tracer = current()
    around = set() if tracer is None else {id(side.condition) for side in tracer.sides}
    return conjunction([c for c in x.conditions if id(c) not in around])


def that(x: Any) -> Any:
    """The element itself."""
    return x.value if type(x) is Maybe else x


def an_uncertain(xs: Any) -> Maybe | None:
    """One of the elements that may not be there; None if all are."""
    if isinstance(xs, dict):
        xs = xs.values()
    if not isinstance(xs, Holders):
        return None
    return next((x for x in xs if type(x) is Maybe), None)


def certain(xs: Any, what: str) -> None:
    """Let the branch be decided on which elements depend, for what needs to know which there are.

    Raises what using such an element raises.
    """
    found = an_uncertain(xs)
    if found is not None:
        found.refuse(what)


def either(a: Any, b: Any) -> Any:
    """`a or b` of truths, traced or not."""
    if a is True or b is True:
        return True
    return b if a is False else a if b is False else merged(a, True, b)


def opposite(a: Any) -> Any:
    """`not a` of a truth."""
    return negated(a) if isinstance(a, Truth) else not a


def chosen(condition: Any, a: Any, b: Any, site: Hashable = None) -> Any:
    """`a if condition else b`, both being there."""
    if isinstance(condition, bool):
        return a if condition else b
    return merged(condition, a, b, "what is computed", site)


def required(condition: Any, error: Callable[[], Exception]) -> None:
    """Let the program be for calls in which the condition holds; raises the error if not here."""
    if condition is True:
        return
    if condition is False:
        raise error()
    if not condition._data:
        decided(condition, False, RAISES, math.inf)
        raise error()
    tracer = current()
    assert tracer is not None
    tracer.required.append(condition)


# ---- what functions of Python make of them -----------------------------------------------------


def length(xs: Any) -> Any:
    """`len`."""
    if an_uncertain(xs) is None:
        return len(xs)
    count: Any = 0
    for x in xs.values() if isinstance(xs, dict) else xs:
        count = chosen(there(x), count + 1, count)
    return as_read(count)


def total(xs: Iterable[Any], start: Any = 0) -> Any:
    """`sum`."""
    for x in xs:
        start = chosen(there(x), start + that(x), start) if type(x) is Maybe else start + x
    return start


def product(xs: Iterable[Any], *, start: Any = 1) -> Any:
    """`math.prod`."""
    for x in xs:
        start = chosen(there(x), start * that(x), start)
    return start


def some(xs: Any) -> Any:
    """Whether a container is true: whether any of its elements is there."""
    result: Any = False
    for x in xs.values() if isinstance(xs, dict) else xs:
        result = either(result, there(x))
        if result is True:
            break
    return result


def extreme(
    largest: bool, xs: Iterable[Any], key: Callable[[Any], Any] | None, default: Any
) -> Any:
    """`max` or `min`: of several that are as large, the first."""
    known: Any = False  # whether there is one yet
    best = its_key = None
    for x in xs:
        own = that(x) if key is None else key(that(x))
        if known is False:
            best, its_key, known = that(x), own, there(x)
            continue
        better = own > its_key if largest else own < its_key
        take = conjunction([there(x), either(opposite(known), better)])
        best, its_key = chosen(take, that(x), best), chosen(take, own, its_key)
        known = either(known, there(x))
    if default is not MISSING:
        return chosen(known, best, default)
    name = "max" if largest else "min"
    required(known, lambda: ValueError(f"{name}() arg is an empty sequence"))
    return best


def first(xs: Iterator[Any], default: Any) -> Any:
    """`next` of what may begin with such elements, which are all looked at."""
    looked: list[Any] = []
    for x in xs:
        looked.append(x)
        if type(x) is not Maybe:
            break
        if len(looked) > MOST_LOOKED_AT:
            x.refuse("next()")
    if looked and type(looked[-1]) is not Maybe:
        result = looked.pop()
    elif default is not MISSING:
        result = default
    else:
        required(some(looked), StopIteration)
        result = that(looked.pop())
    for x in reversed(looked):
        result = chosen(there(x), that(x), result)
    return result


def first_where(truths: list[Any], error: str) -> Any:
    """The place of the first that holds."""
    result: Any = None
    for k in range(len(truths) - 1, -1, -1):
        if truths[k] is not False:
            result = k if result is None else chosen(truths[k], k, result)
    known: Any = False
    for x in truths:
        known = either(known, x)
    required(known, lambda: ValueError(error))
    return result


def element(xs: list[Any] | tuple[Any, ...], k: int) -> Any:
    """`xs[k]`, counting those that are there."""
    order = xs if k >= 0 else xs[::-1]
    wanted = k if k >= 0 else -1 - k
    before: Any = 0
    found: Any = None
    any_is: Any = False
    for x in order:
        here = there(x)
        hit = conjunction([here, before == wanted])
        if hit is not False:
            found = that(x) if any_is is False else chosen(hit, that(x), found)
            any_is = either(any_is, hit)
        before = chosen(here, before + 1, before)
    required(any_is, lambda: IndexError(f"{type(xs).__name__} index out of range"))
    return found


def counted(xs: Iterable[Any], start: Any = 0) -> Iterator[Any]:
    """`enumerate`."""
    for x in xs:
        if type(x) is Maybe:
            yield Maybe((start, x.value), x.conditions, x.site)
            start = chosen(there(x), start + 1, start)
        else:
            yield start, x
            start = start + 1


def side_by_side(lists: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `zip` is given: lists in which the same elements are there are joined beforehand."""
    if all(an_uncertain(xs) is None for xs in lists):
        return lists
    rows = list(zip(*lists, strict=False))
    joined = []
    for row in rows:
        conditions = {tuple(map(id, _conditions(x))) for x in row}
        if len(conditions) > 1 or len({len(xs) for xs in lists}) > 1:
            for xs in lists:
                certain(xs, "zip() of lists of unequal elements")
        own, values = _conditions(row[0]), tuple(map(that, row))
        joined.append(Maybe(values, own, row[0].site) if own else values)
    return (joined,)


def _conditions(x: Any) -> tuple[Any, ...]:
    return x.conditions if type(x) is Maybe else ()


def is_in(x: Any, xs: Iterable[Any], same: Callable[[Any, Any], Any]) -> Any:
    """`x in xs`."""
    result: Any = False
    for member in xs:
        result = either(result, conjunction([there(member), same(x, that(member))]))
        if result is True:
            break
    return result
