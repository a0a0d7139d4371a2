"""`More`: what few nodes have, apart from them so that the others are small."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micrograd.engine import Value


class More:
    """What few nodes have: more than two inputs, a hand-written derivative, a name, an origin."""

    __slots__ = ("home", "hook", "inputs", "label", "op", "origin", "scope")

    def __init__(self, inputs: tuple[Value, ...] = (), op: str = "") -> None:
        self.inputs = inputs
        self.op = op
        self.label = ""
        self.hook: Callable[[], None] | None = None
        self.scope: Any = None  # the module, and the unit of it, that made the node
        self.origin = ""  # the user's source line
        self.home: Any = None  # the store that holds the number, and its place there
