"""`no_grad` by torch's other names: recording on and off, as contexts and decorators."""

from __future__ import annotations

from contextlib import AbstractContextManager, ContextDecorator
from typing import Any

from micrograd import observers
from micrograd.observers import no_grad, recording


class inference_mode(no_grad):  # noqa: N801  (torch's name)
    """`no_grad`, by torch's other name; also with `mode` False, which changes nothing."""

    def __new__(cls, mode: Any = True) -> Any:
        """`@inference_mode` without brackets decorates, too."""
        if callable(mode):
            return no_grad()(mode)
        return super().__new__(cls) if mode else enable_grad()

    def __init__(self, mode: Any = True) -> None:
        """Take the mode."""


class enable_grad(ContextDecorator):  # noqa: N801  (torch's name)
    """Records again inside `no_grad`."""

    def __enter__(self) -> enable_grad:
        self._before = observers.mine()
        observers.put(tuple(o for o in self._before if not isinstance(o, no_grad)))
        return self

    def __exit__(self, *error: object) -> None:
        observers.put(self._before)

    def _recreate_cm(self) -> enable_grad:
        return type(self)()


class set_grad_enabled(ContextDecorator):  # noqa: N801  (torch's name)
    """Records, or records not: from now on, or as a context."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._before = observers.mine()
        kept = tuple(o for o in self._before if not isinstance(o, no_grad))
        observers.put(kept if self.mode else (*kept, no_grad()))

    def __enter__(self) -> set_grad_enabled:
        return self

    def __exit__(self, *error: object) -> None:
        observers.put(self._before)


def is_grad_enabled() -> bool:
    """Whether operations are recorded."""
    return recording()


def mode(enabled: bool) -> AbstractContextManager[Any]:
    """A context that records, or not."""
    return enable_grad() if enabled else no_grad()
