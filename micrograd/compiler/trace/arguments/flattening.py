"""The numbers of records, dicts, dataclasses and flags, read by a function made for one structure.

What tells one structure from another is looked at once, and becomes a function of plain Python
that says None for anything else. It takes as long as a person would need who knew the type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from micrograd.compiler.trace.arguments.stand_ins import MOST_FIELDS, IndexGroup
from micrograd.compiler.trace.arguments.structures import Keywords, is_static
from micrograd.compiler.trace.numbers.narrow import MOST_INTEGER
from micrograd.compiler.trace.numbers.records import attributes_of, is_record, slots_of

MOST_NUMBERS = 512  # of one argument
FlatNumbers = tuple[list[Any], list[int]]  # all of them, and with 0 for those that are no integers
Flattener = Callable[[Any], FlatNumbers | None]


def flattener(
    x: Any, group: IndexGroup, tried: Mapping[IndexGroup, set[int]], most: int = MOST_INTEGER
) -> Flattener | None:
    """What reads the numbers of an argument that is like x; None if there is no such function.

    Of integers, it takes those that were tried, and are at most so large.
    """
    writer = _FlattenerText(tried, most)
    if not writer.read("x", x, group) or len(writer.numbers) > MOST_NUMBERS:
        return None
    numbers, integers = ", ".join(writer.numbers), ", ".join(writer.integers)
    lines = ["def read(x):", " try:", *writer.lines, f"    return [{numbers}], [{integers}]",
             " except AttributeError: return None"]  # fmt: skip
    exec("\n".join(lines), writer.names)
    made: Flattener = writer.names["read"]
    return made


class _FlattenerText:
    def __init__(self, tried: Mapping[IndexGroup, set[int]], most: int) -> None:
        self.lines: list[str] = []
        self.numbers: list[str] = []
        self.integers: list[str] = []
        self.names: dict[str, Any] = {}
        self._tried, self._most = tried, most
        self._count = 0

    def _noted(self, x: Any) -> str:
        name = f"n{len(self.names)}"
        self.names[name] = x
        return name

    def _unless(self, condition: str) -> None:
        self.lines.append(f"    if {condition}: return None")

    def read(self, name: str, x: Any, group: IndexGroup) -> bool:
        """Write what reads x, which is called by that name; False if that cannot be."""
        self._unless(f"type({name}) is not {self._noted(type(x))}")
        if x is None or isinstance(x, bool):
            self._unless(f"{name} is not {x!r}")
            return True
        if is_static(x):
            same = isinstance(x, str | bytes) and not getattr(x, "__dict__", None)
            self._unless(f"{name} {'!=' if same else 'is not'} {self._noted(x)}")
            return True
        if isinstance(x, Real):
            return self._number(name, x, group)
        if isinstance(x, list | tuple):
            return self._items(name, x, group)
        if type(x) in (dict, Keywords):
            keys = self._noted(tuple(x))
            self._unless(f"tuple({name}) != {keys}")
            return self._parts(f"{name}.values()", list(x.values()), group, True)
        return is_record(x) and self._record(name, x, group)

    def _number(self, name: str, x: Any, group: IndexGroup) -> bool:
        self.numbers.append(name)
        self.integers.append(name if isinstance(x, Integral) else "0")
        if isinstance(x, Integral):
            self._unless(f"not {-self._most} <= {name} <= {self._most}")
            if self._tried:
                known = self._tried.get(group)
                if known is None:
                    return False
                self._unless(f"{name} not in {self._noted(known)}")
        return True

    def _items(self, name: str, x: Any, group: IndexGroup) -> bool:
        self._unless(f"len({name}) != {len(x)}")
        return self._parts(name, list(x), group, not isinstance(x, list))

    def _record(self, name: str, x: Any, group: IndexGroup) -> bool:
        found, held = attributes_of(x), getattr(x, "__dict__", None)
        if held is None:
            if len(found) < len(slots_of(type(x))):  # others may have more
                return False
        elif held.keys() != found.keys():
            return False
        elif dataclasses.is_dataclass(x) and len(found) == len(dataclasses.fields(x)):
            self._unless(f"len({name}.__dict__) != {len(held)}")
        else:
            self._unless(f"tuple({name}.__dict__) != {self._noted(tuple(held))}")
            texts = [f"{name}.__dict__[{attribute!r}]" for attribute in found]
            return self._parts(f"({', '.join(texts)},)", list(found.values()), group, True)
        together = "".join(f"{name}.{attribute}, " for attribute in found)
        return self._parts(f"({together})", list(found.values()), group, True)

    def _parts(self, source: str, values: list[Any], group: IndexGroup, record: bool) -> bool:
        if not values:
            return True
        record = record and len(values) <= MOST_FIELDS
        names = [f"x{self._count + k}" for k in range(len(values))]
        self._count += len(values)
        self.lines.append(f"    {', '.join(names)}, = {source}")
        return self._count <= 4 * MOST_NUMBERS and all(
            self.read(name, value, (group, k) if record else group)
            for k, (name, value) in enumerate(zip(names, values, strict=True))
        )
