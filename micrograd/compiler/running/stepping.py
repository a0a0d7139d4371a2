"""The update that follows a program in its steps, and the tests that it is still the right one."""

from __future__ import annotations

from typing import Any

from micrograd.compiler.backends import Executable
from micrograd.compiler.compilation import UpdateCompilation


class Stepping:
    """An update made ready to run; without parameters that are touched there is nothing to run."""

    def __init__(
        self, unit: UpdateCompilation, executable: Executable | None, milliseconds: float
    ) -> None:
        self.unit = unit
        self.executable = executable
        self.milliseconds = milliseconds
        self._memory = memory = unit.memory
        self._version = memory.version
        self.attributes: list[tuple[Any, str, Any]] = []  # which have not changed since
        self._remember()

    def has_options(self) -> bool:
        """Whether options are what they were; new learning rates are taken over."""
        memory = self._memory
        return memory.optimizer.param_groups == memory.taken or memory.takes_rates()

    def is_in_place(self) -> bool:
        """Whether the state is where and what it was."""
        return all(getattr(x, name) is value for x, name, value in self.attributes)

    def follow(self) -> bool:
        """Take over new learning rates and state; False if something else has changed, too."""
        memory = self._memory
        if memory.optimizer.state is not memory:
            return False
        memory.refresh()
        memory.settle()
        if memory.version != self._version:
            return False
        self._remember()
        return True

    def _remember(self) -> None:
        """Note that the next steps are made with the state that there is."""
        memory = self._memory
        memory.note_steps(self.unit.touched.used)
        self.attributes = [(memory.optimizer, "state", memory), (memory, "loose", None)]
        self.attributes += [
            (memory, name, getattr(memory, name)) for name in ("settled", "version")
        ]
