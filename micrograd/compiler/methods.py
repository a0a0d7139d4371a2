"""Compiled functions as attributes of classes: a compiled method for each object, or each class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from micrograd.errors import ArgumentTypeError

Bound = TypeVar("Bound")


class OfClass:
    """A compiled `classmethod`: as an attribute of a class or an object, that of the class.

    Python's own leads to what it wraps up to 3.12 only.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def __set_name__(self, owner: type, name: str) -> None:
        self._compiled.__set_name__(owner, name)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        of = type(instance) if owner is None else owner
        return self._compiled.__get__(of, type(of))


class BoundFunctions(Generic[Bound]):
    """The methods that a function has become, made once for each object, and kept in it.

    Those of classes (`@classmethod`) are kept here.
    """

    def __init__(self, fn: Any) -> None:
        self.fn = fn
        self.name = ""  # as an attribute of a class
        self._of_classes: WeakKeyDictionary[type, Bound] = WeakKeyDictionary()

    def of(self, owner: Any, whole: object, make: Callable[[Any], Bound]) -> Bound:
        """That of an object or a class; `whole` is what stands in the class."""
        if isinstance(owner, type):
            if owner not in self._of_classes:
                self._of_classes[owner] = make(self.fn.__get__(owner, type(owner)))
            return self._of_classes[owner]
        if not hasattr(owner, "__dict__"):
            raise ArgumentTypeError(
                f"a compiled method is kept in its object, and {type(owner).__name__} has no "
                "__dict__: add '__dict__' to its __slots__"
            )
        key = self._key(type(owner), whole)
        held = vars(owner)
        if key not in held:
            held[key] = make(self.fn.__get__(owner, type(owner)))
        found: Bound = held[key]
        return found

    def _key(self, owner: type, whole: object) -> str:
        """Under which name it is kept: the own one, if that is how the object has it."""
        found = next((vars(c)[self.name] for c in owner.__mro__ if self.name in vars(c)), None)
        return self.name if found is whole else f"compiled {self.fn.__qualname__}"

    def first_is_owner(self, inputs: tuple[Any, ...]) -> bool:
        """Whether it is called as a function of a class, with an object of it, as properties do."""
        home = getattr(self.fn, "__qualname__", "").rpartition(".")[0]
        sorts = type(inputs[0]).__mro__ if inputs else ()
        return bool(home) and any(c.__qualname__ == home for c in sorts)
