"""What an optimiser's rule keeps for each parameter, as it declares it."""

from __future__ import annotations

from typing import Any

from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import PARAMETER
from micrograd.errors import CompileError
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import State


class Rule:
    """What an optimiser keeps.

    `initial` are the values that stand for no state; `exact_start` is False if the first step is
    another than one from these values. Shared is what depends on no parameter or gradient.
    """

    def __init__(self, optimizer: Optimizer, options: dict[str, Any]) -> None:
        declared = optimizer.initial_state(options)
        self.names = list(declared)
        self.initial = {name: float(x or 0.0) for name, x in declared.items()}
        self.exact_start = None not in declared.values()
        builder = Builder()
        p, g = (builder.leaves(PARAMETER, [0.5, 0.5]) for _ in range(2))
        state: State = {name: builder.leaves(PARAMETER, [0.5]) for name in self.names}
        optimizer.direction(Symbols(builder), p, g, state, options)
        if missing := [name for name in state if name not in declared]:
            kept = ", ".join(f"{name!r}: 0.0" for name in (*declared, *missing))
            raise CompileError(
                f"cannot be compiled: {type(optimizer).__name__}.direction keeps {missing[0]!r}, "
                f"which initial_state(self, options) does not declare; let it return {{{kept}}}"
            )
        after = {name: state[name] for name in self.names}
        self.shared = [k for k, x in after.items() if not isinstance(x, Lanes) or len(x.ids) == 1]
        self.vectors = [name for name in self.names if name not in self.shared]
