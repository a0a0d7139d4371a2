"""The update that follows a program in its steps, and the tests that it is still the right one."""

from __future__ import annotations

from typing import Any

from micrograd.compiler.backends import Executable
from micrograd.compiler.passes import UpdateCompilation
from micrograd.engine import packed, same_all


class Members:
    """The parameters of an optimiser's groups, as they were, and whether these are dense."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        keys = [key for _ in groups for key in ("params", "dense")]
        dicts = [group for group in groups for _ in range(2)]
        values = [d.get(key) for d, key in zip(dicts, keys, strict=True)]
        lists: list[list[Any]] = [groups, *(group["params"] for group in groups)]
        self._alive = [list(members) for members in lists]  # so that no address is new
        self._watched: Any = lists, packed(lists), dicts, keys, values, [], []
        self._groups = groups

    def same(self, groups: list[dict[str, Any]]) -> bool:
        """Whether each group has the parameters that it had."""
        return groups is self._groups and same_all(*self._watched)


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
