"""Gradients that compiled steps have computed and not written yet: whoever reads one finds it."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from micrograd.compiler.running.runner import Runner
from micrograd.compiler.store import Store
from micrograd.engine import owe


class Owed:
    """The last step of each store; `now` is the last of all, None when nothing is owed."""

    def __init__(self, owe: Callable[[Callable[[], object]], object]) -> None:
        self._owe = owe
        self._by: WeakKeyDictionary[Store, Runner] = WeakKeyDictionary()
        self.now: Runner | None = None

    def by(self, runner: Runner) -> None:
        """A step of this program was made."""
        runner.owes = True
        self._owe(self.write)
        self._by[runner.store] = runner
        self.now = runner  # the last: a step that is interrupted here is noted again by the next

    def write(self) -> None:
        """Write the gradients of the last steps into their parameters; this may be done again."""
        self.now = None
        for store, runner in [*self._by.items()]:
            try:
                runner.write_gradients()
            except Exception:  # which is raised once, and not by every step that follows
                self._by.pop(store, None)
                raise
            runner.owes = False
        self._by.clear()


owed = Owed(owe)
