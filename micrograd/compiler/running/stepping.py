"""The update that follows a program in its steps, and the tests that it is still the right one."""

from __future__ import annotations

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
        self._settled = 0
        self._remember()

    def fits(self) -> bool:
        """Whether state and options are where and what they were."""
        memory = self._memory
        optimizer = memory.optimizer
        return (
            optimizer.state is memory
            and memory.loose is None
            and memory.settled == self._settled
            and memory.version == self._version
            and (optimizer.param_groups == memory.taken or memory.takes_rates())
        )

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
        self._settled = memory.settled
