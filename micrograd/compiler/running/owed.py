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
        self._by[runner.store] = self.now = runner
        runner.owes = True
        self._owe(self.write)

    def write(self) -> None:
        """Write the gradients of the last steps into their parameters."""
        self.now = None
        for runner in [*self._by.values()]:
            runner.owes = False
            runner.write_gradients()
        self._by.clear()


owed = Owed(owe)
