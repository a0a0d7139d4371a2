"""Built-in functions on traced numbers, and on lists of elements that may not be there."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.checks import user_line
from micrograd.compiler.trace.numbers.maybe import (
    MISSING,
    certain,
    counted,
    either,
    first,
    first_where,
    length,
    opposite,
    side_by_side,
    that,
    there,
    total,
)
from micrograd.compiler.trace.numbers.merging import Maybe, are_one, conjunction, merged
from micrograd.compiler.trace.numbers.numeric import (
    NO_ROWS,
    OF_MATH,
    OF_SEVERAL,
    median,
    of_math,
    of_several,
    where_of,
)
from micrograd.compiler.trace.numbers.reads import Read, Truth, WholeNumber, again, type_of
from micrograd.compiler.trace.numbers.refusing import current, undecided
from micrograd.compiler.trace.rewritten.branches import whether
from micrograd.compiler.trace.rewritten.of_arrays import FUNCTIONS, METHODS, has_traced
from micrograd.engine import Value

if TYPE_CHECKING:
    from micrograd.compiler.trace.rewritten.sides import Sides

MOST_SORTED = 64  # numbers


class BuiltIns:
    """What stands in the place of built-in functions, by these: `swapped`.

    `converted` rewrites what is called by them.
    """

    def __init__(self, sides: Sides, converted: Callable[[Any], Any]) -> None:
        self._sides, self._converted = sides, converted
        self.swapped: dict[Any, Callable[..., Any]] = {
            any: self._any, all: self._all, sorted: self._sorted, bool: _bool, float: _float,
            int: _int, isinstance: _isinstance, type: _type, hasattr: _hasattr,
            next: self._next, sum: total, len: length, enumerate: counted,
            zip: _zip, map: self._map, filter: self._filter,
            np.where: where_of, **FUNCTIONS,
            statistics.median: median(self._sorted),
            **{plain: of_several(plain) for plain in OF_SEVERAL},
            **{getattr(math, name): of_math(name)
               for name in (*OF_MATH, *NO_ROWS) if hasattr(math, name)},
        }  # fmt: skip

    def of_list(self, xs: list[Any], name: str) -> Callable[..., Any] | None:
        """The method of a list of that name; None if it is the list's own."""
        tracer = current()
        if name == "sort":
            return partial(self._sort, xs)
        if tracer is not None and tracer.sides and name in ("append", "extend"):
            return partial(self._append if name == "append" else self._extend, xs)
        if name == "index" and any(isinstance(x, Value) for x in xs):
            return partial(_index, xs)
        if name not in ("append", "extend", "copy", "reverse", "clear"):
            certain(xs, f"{name}()")
        return None

    def of_array(self, xs: np.ndarray, name: str) -> Callable[..., Any] | None:
        """The method of an array of that name; None if it is the array's own."""
        return partial(METHODS[name], xs) if name in METHODS and has_traced(xs) else None

    def _append(self, xs: list[Any], x: Any) -> None:
        """On a side, it is there where all sides around are taken."""
        tracer = current()
        assert tracer is not None
        conditions = tuple(side.condition for side in tracer.sides)
        site = tracer.sides[0].site
        if type(x) is Maybe:
            conditions, x = (*conditions, *x.conditions), x.value
        xs.append(Maybe(x, conditions, site))

    def _extend(self, xs: list[Any], more: Iterable[Any]) -> None:
        for x in list(more):
            self._append(xs, x)

    # ---- choosing among several ----------------------------------------------------------------

    def _any(self, xs: Any) -> Any:
        result: Any = False
        for x in xs:
            result = either(result, conjunction([there(x), whether(that(x))]))
            if result is True:
                break
        return result

    def _all(self, xs: Any) -> Any:
        result: Any = True
        for x in xs:
            result = conjunction([result, either(opposite(there(x)), whether(that(x)))])
            if result is False:
                break
        return result

    def _next(self, xs: Any, default: Any = MISSING) -> Any:
        self._sides.effect("next()")
        return first(xs, default) if isinstance(xs, Iterator) else next(xs)

    def _map(self, f: Any, *lists: Any) -> Iterator[Any]:
        f = self._converted(f)
        rows = _zip(*lists) if len(lists) > 1 else ((x,) if type(x) is not Maybe
                else Maybe((x.value,), x.conditions, x.site) for x in lists[0])  # fmt: skip
        return self._sides.elements(
            ("map", user_line()), (((x,), _yes, partial(_called, f, that(x))) for x in rows)
        )

    def _filter(self, f: Any, xs: Any) -> Iterator[Any]:
        f = _itself if f is None else self._converted(f)
        return self._sides.elements(
            ("filter", user_line()),
            (((x,), partial(f, that(x)), partial(_itself, that(x))) for x in xs),
        )

    def _sort(self, xs: list[Any], *, key: Any = None, reverse: bool = False) -> None:
        self._sides.effect("a list is sorted")
        xs[:] = self._sorted(xs, key=key, reverse=reverse)

    def _sorted(self, xs: Any, *, key: Any = None, reverse: bool = False) -> list[Any]:
        """Sorted by exchanges of neighbours, as many rounds as there are numbers: stable."""
        items = list(xs)
        certain(items, "sorted()")
        convert = self._converted(key) if key is not None else None
        keys = items if convert is None else [convert(x) for x in items]
        if not any(isinstance(x, Value) for k in keys for x in (k if type(k) is tuple else [k])):
            order = iter(keys)
            return sorted(items, key=lambda _: next(order), reverse=reverse)
        if not all(isinstance(k, Value | float | int | tuple) for k in keys):
            return sorted(items, key=convert, reverse=reverse)
        if len(items) > MOST_SORTED:
            undecided(f"{len(items)} traced numbers are sorted; up to {MOST_SORTED} can be")
        keys = list(keys)
        for turn in range(len(items)):
            for i in range(turn % 2, len(items) - 1, 2):
                a, b = keys[i], keys[i + 1]
                wrong = _less(a, b) if reverse else _less(b, a)
                for row in (keys, items) if convert is not None else (items,):
                    x, y = row[i], row[i + 1]
                    if isinstance(wrong, Read):
                        row[i], row[i + 1] = merged(wrong, y, x), merged(wrong, x, y)
                    elif wrong:
                        row[i], row[i + 1] = y, x
                if convert is None:
                    keys = items
        return items


def _less(a: Any, b: Any) -> Any:
    """Whether a comes before b; of tuples, the first parts that differ decide."""
    if not isinstance(a, tuple) or not isinstance(b, tuple) or len(a) != len(b):
        return a < b
    answer: Any = False
    for x, y in zip(reversed(a), reversed(b), strict=True):
        first, same = x < y, x == y
        answer = (
            merged(same, answer, first) if isinstance(same, Read) else answer if same else first
        )
    return answer


def _zip(*lists: Any, strict: bool = False) -> Iterator[Any]:
    joined = side_by_side(lists)
    return zip(*lists, strict=strict) if joined is lists else iter(joined[0])


def _index(xs: list[Any], x: Any) -> Any:
    """`xs.index(x)`."""
    certain(xs, "index()")
    same = [x == y if isinstance(x, Read) or isinstance(y, Read) else _is_one(x, y) for y in xs]
    return first_where(same, "x is not in list")


def _is_one(x: Any, y: Any) -> Any:
    """Whether two that may be Values are one: what depends on a branch is one of its sides."""
    return are_one(x, y) if isinstance(x, Value) and isinstance(y, Value) else x == y


def _called(f: Callable[..., Any], row: Iterable[Any]) -> Any:
    return f(*row)


def _yes() -> bool:
    return True


def _itself(x: Any) -> Any:
    return x


def _bool(*args: Any) -> Any:
    return whether(args[0]) if args else False


def _float(*args: Any) -> Any:
    if args and isinstance(args[0], Value):
        x = args[0].data
        if isinstance(x, Read) and (type_of(x) is not float or x.numpy_type is not None):
            return again(x, float)
        return x
    return float(*args)


def _int(*args: Any, **named: Any) -> Any:
    if len(args) == 1 and isinstance(args[0], WholeNumber) and args[0].numpy_type is None:
        return args[0]
    if len(args) == 1 and isinstance(args[0], WholeNumber | Truth):
        return again(args[0], int)
    if len(args) == 1 and isinstance(args[0], Value):
        return int(args[0].data)
    return int(*args, **named)


def _isinstance(x: Any, sorts: Any) -> bool:
    if not isinstance(x, Read):
        return isinstance(x, sorts)
    return issubclass(_type(x), sorts)


def _hasattr(x: Any, name: str) -> bool:
    return hasattr(_type(x)() if isinstance(x, Read) else x, name)


def _type(*args: Any) -> Any:
    """The type that a number has in the function as it is."""
    if len(args) != 1 or not isinstance(args[0], Read):
        return type(*args)
    own = args[0].numpy_type
    return type_of(args[0]) if own is None else own.type
