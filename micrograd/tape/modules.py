"""Which module computed what: the observer that is entered while a step is recorded.

A module that is called opens a scope, and a module of several units (the neurons of a layer) opens
one for each; every node made meanwhile remembers where it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from threading import get_ident
from typing import Any, NamedTuple

from micrograd import observers
from micrograd.engine import Value


class Scope(NamedTuple):
    """The qualified name of a module and, if it has several, which of its units."""

    module: str
    unit: int | None = None


@dataclass(frozen=True)
class Call:
    """One call of a module: what went in and came out."""

    name: str
    module: Any
    inputs: tuple[Any, ...]
    output: Any


class Recorder(observers.Observer):
    """Notes the scope of every node made, and every call of a module, while it is entered."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = names  # id of a module: its qualified name
        self.calls: list[Call] = []
        self.nodes: list[Value] = []  # in the order in which they were made
        self._scope: Scope | None = None

    def made(self, node: Value) -> None:
        """Let the node remember where it was made."""
        node._notes().scope = self._scope
        self.nodes.append(node)

    def call(
        self, module: Any, forward: Callable[..., Any], inputs: tuple[Any, ...], named: Any
    ) -> Any:
        """Run a module's forward in a scope of its own."""
        name = self.names.get(id(module), type(module).__name__)
        with self._in(Scope(name)):
            output = forward(*inputs, **named)
        self.calls.append(Call(name, module, (*inputs, *named.values()), output))
        return output

    def unit(self, index: int) -> AbstractContextManager[None]:
        """The scope of one unit of the module that is being called."""
        module = self._scope.module if self._scope else ""
        return self._in(Scope(module, index))

    @contextmanager
    def _in(self, scope: Scope) -> Iterator[None]:
        outer, self._scope = self._scope, scope
        try:
            yield
        finally:
            self._scope = outer


NOWHERE = nullcontext()


def recorder() -> Recorder | None:
    """The recorder that this thread has entered, if any."""
    if observers.active:
        thread = get_ident()
        for observer in reversed(observers.active):
            if isinstance(observer, Recorder) and observer.thread == thread:
                return observer
    return None


def unit(index: int) -> AbstractContextManager[None]:
    """The scope of one unit; nothing unless a step is being recorded."""
    current = recorder()
    return NOWHERE if current is None else current.unit(index)
