"""What a compiled function trains: which leaves, in which order, and where their numbers are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from micrograd.compiler.store import Store, store_of
from micrograd.compiler.trace.recording import Recording, met
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.update.members import Members, check_trains
from micrograd.compiler.update.memory import Memory
from micrograd.engine import Value
from micrograd.errors import ArgumentValueError
from micrograd.nn.module import Module
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars


class TrainedLeaves:
    """The leaves that gradients are taken by, and the optimiser's, if there is one."""

    def __init__(
        self, fn: Callable[..., Any], explicit: list[Value] | None, optimizer: Optimizer | None,
        dtype: str,
    ) -> None:  # fmt: skip
        self.optimizer = optimizer
        self._fn, self._explicit, self._dtype = fn, explicit, dtype
        self._ordered: tuple[Members, list[Value]] | None = None  # those of the optimiser
        self._home: tuple[Store, int, set[Value]] | None = None  # and where they are, with others
        model = getattr(fn, "__self__", fn)
        self._met: list[Value] = (
            list(scalars(model.parameters())) if isinstance(model, Module) else []
        )

    @property
    def are_met(self) -> bool:
        """Whether they are what traces come to: neither parameters nor an optimiser were given."""
        return self._explicit is None and self.optimizer is None

    def known(self) -> list[Value]:
        """Those that were given."""
        return list(dict.fromkeys([*(self._explicit or ()), *self.trained()]))

    @property
    def parameters(self) -> list[Value]:
        """What gradients are taken by: those given, or the optimiser's, in its order.

        Else those of a model, as its `parameters()` has them, and what else was met so far.
        """
        if self._explicit is not None:
            return self._explicit
        if self.optimizer is None:
            return self._met
        return self.trained()

    def meet(self, traced: Traced) -> None:
        """Take in what a trace has come to, if these are what is trained."""
        if not self.are_met:
            return
        known = {id(v) for v in self._met}
        for number in met(traced.recording):
            v = traced.recording.parameters[number]
            if id(v) not in known:
                self._met.append(v)

    def check(self, recording: Recording) -> None:
        """Raise an ArgumentValueError if steps would update nothing of what the function uses."""
        used = [recording.parameters[k] for k in met(recording)]
        check_trains(self._fn, used, self.trained())

    def trained(self) -> list[Value]:
        """What the optimiser updates, in its order."""
        if self.optimizer is None:
            return []
        groups = self.optimizer.param_groups
        if self._ordered is None or not self._ordered[0].same(groups):
            trained = [v for group in groups for v in scalars(group["params"])]
            self._ordered, self._home = (Members(groups), trained), None
        return self._ordered[1]

    def take(self, leaves: Sequence[Value]) -> Store:
        """Move leaves, and what the optimiser updates, into the store that the programs use."""
        trained = self.trained()
        if self._home is not None and self._home[1] == self._home[0].version:
            store, _, known = self._home
            if known.issuperset(leaves):
                return store
        wanted = list(dict.fromkeys([*trained, *leaves]))
        store = next((home for home in map(store_of, wanted) if home is not None), None) or Store(
            self._dtype
        )
        if store.dtype != self._dtype:
            raise ArgumentValueError(
                f"the parameters are compiled with dtype={store.dtype!r} elsewhere, "
                f"here with {self._dtype!r}"
            )
        store.take(wanted)
        self._home = store, store.version, set(wanted)
        return store

    def memory(self) -> Memory:
        """The optimiser's state, in an array and as it is now."""
        optimizer = self.optimizer
        assert optimizer is not None
        store = self.take([])
        state: Any = optimizer.state
        memory = state if isinstance(state, Memory) and state.store is store else None
        if memory is None:
            memory = Memory(optimizer, store)
        memory.refresh()
        memory.settle()
        return memory

    def starts_exactly(self, recording: Recording) -> bool:
        """False if the rule's first step is not one from a state of zeros, and is yet to come."""
        memory = self.memory()
        if memory.always_starts_exactly:
            return True
        known = {id(v) for v in self.trained()}
        used = [recording.parameters[k] for k in met(recording)]
        return memory.starts_exactly([v for v in used if id(v) in known])
