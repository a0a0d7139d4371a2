"""What an optimiser's rule keeps for each parameter, found by trying it."""

from __future__ import annotations

from typing import Any

from micrograd.compiler.graph.builder import Builder, Symbols
from micrograd.compiler.graph.graph import PARAMETER
from micrograd.ops import FLOATS
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import State

PROBES = ((0.3, -0.7), (-1.1, 0.2), (0.0, 1.9))  # a parameter and its gradient


class Rule:
    """What an optimiser keeps, found by trying its rule.

    `initial` are the values that stand for no state; `exact_start` is False if the first step is
    another than one from these values.
    """

    def __init__(self, optimizer: Optimizer, options: dict[str, Any]) -> None:
        asked = _Asked()
        optimizer.direction(FLOATS, 0.5, 0.25, asked, options)
        self.names = list(asked)
        self.initial = {name: float(asked.defaults.get(name, 0.0)) for name in self.names}
        self.exact_start = all(self._same_start(optimizer, options, *probe) for probe in PROBES)
        builder = Builder()
        p, g = (builder.leaves(PARAMETER, [0.5, 0.5]) for _ in range(2))
        state: State = {name: builder.leaves(PARAMETER, [0.5]) for name in self.names}
        optimizer.direction(Symbols(builder), p, g, state, options)
        self.shared = [name for name in self.names if len(state[name].ids) == 1]
        self.vectors = [name for name in self.names if name not in self.shared]

    def _same_start(self, optimizer: Optimizer, options: Any, p: float, g: float) -> bool:
        without: State = {}
        start: State = dict(self.initial)
        answers = [optimizer.direction(FLOATS, p, g, s, options) for s in (without, start)]
        return answers[0] == answers[1] and without == start


class _Asked(dict[str, Any]):
    """An empty state that notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.defaults: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's; notes the default."""
        self.defaults.setdefault(name, default)
        return super().get(name, default)
