"""Everything that a training step changes, as it was before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from micrograd import observers
from micrograd.engine import Value
from micrograd.optim.lr_scheduler import LRScheduler
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars


class Snapshot:
    """Parameters, gradients, the optimiser's state and options, a schedule's place, who watches.

    >>> from micrograd import optim
    >>> p = Value(1.0)
    >>> sgd = optim.SGD([p], lr=0.1, momentum=0.9)
    >>> before = Snapshot(sgd)
    >>> (p * p).backward()
    >>> sgd.step()
    >>> before.restore()
    >>> p, sgd.state
    (Value(data=1.0, grad=0.0), {})
    """

    def __init__(self, optimizer: Optimizer, schedule: LRScheduler | None = None) -> None:
        self._optimizer = optimizer
        self._numbers: dict[Value, tuple[float, float, Any]] = {}
        own = [v for group in optimizer.param_groups for v in scalars(group["params"])]
        self._states = {v: dict(optimizer.state[v]) for v in own if v in optimizer.state}
        self._options = [dict(group) for group in optimizer.param_groups]
        self._schedule = schedule
        self._place = dict(vars(schedule)) if schedule is not None else {}
        self._observers = observers.mine()
        self.keep(own)

    def keep(self, values: Iterable[Value]) -> None:
        """Values to restore, too, as they are now; those that are kept already stay as they are."""
        for v in values:
            if v not in self._numbers:
                self._numbers[v] = (v.data, v.grad, v._mark)

    def restore(self) -> None:
        """Make everything as it was."""
        observers.put(self._observers)
        for v, (data, grad, mark) in self._numbers.items():
            v.data, v.grad, v._mark = data, grad, mark
        state = self._optimizer.state
        for v in [v for v in state if v not in self._states]:
            del state[v]
        state.update(self._states)
        for group, options in zip(self._optimizer.param_groups, self._options, strict=True):
            group.clear()
            group.update(options)
        if self._schedule is not None:
            vars(self._schedule).update(self._place)
