"""Objects of dataclasses, and namespaces: what was set in them, and others like them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any


def is_record(x: Any) -> bool:
    """Whether it is an object of a dataclass, or a `SimpleNamespace`."""
    if type(x) is SimpleNamespace:
        return True
    return dataclasses.is_dataclass(x) and not isinstance(x, type)


def attributes_of(x: Any) -> dict[str, Any]:
    """The attributes that an object of a dataclass holds: fields, then what was set besides.

    >>> @dataclasses.dataclass
    ... class Sample:
    ...     x: float
    ...     def __post_init__(self):
    ...         self.squared = self.x**2
    >>> attributes_of(Sample(3.0))
    {'x': 3.0, 'squared': 9.0}
    """
    held = getattr(x, "__dict__", {})
    if type(x) is SimpleNamespace:
        return dict(held)
    names = [f.name for f in dataclasses.fields(x)]
    slots = slots_of(type(x)).difference(held, names)
    found = {n: held[n] if n in held else getattr(x, n) for n in names if hasattr(x, n)}
    return {**found, **held, **{n: getattr(x, n) for n in sorted(slots) if hasattr(x, n)}}


def slots_of(cls: type) -> set[str]:
    """The names that objects of a class have places for, apart from their dict."""
    own = [vars(base).get("__slots__", ()) for base in cls.__mro__]
    names = {n for slots in own for n in ([slots] if isinstance(slots, str) else slots)}
    return names - {"__dict__", "__weakref__"}


def record_like(x: Any, parts: Iterable[Any]) -> Any:
    """An object of its class that holds these in the places of what it holds."""
    made = type(x)() if type(x) is SimpleNamespace else object.__new__(type(x))
    held = getattr(x, "__dict__", {})
    for name, part in zip(attributes_of(x), parts, strict=True):
        if name in held:
            made.__dict__[name] = part
        else:
            object.__setattr__(made, name, part)
    return made
