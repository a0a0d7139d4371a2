"""Learning-rate schedules: `step()` after each epoch sets the rate of every group.

Names, arguments and values are those of `torch.optim.lr_scheduler`, in closed form: the rate is a
function of the epoch and of the rate that the group began with. A rate that another schedule or the
user has changed meanwhile is multiplied by what the schedule goes on by, so that several chain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.interrupts import whole
from micrograd.optim.optimizer import Optimizer


class LRScheduler:
    """Base of all schedules; a subclass gives the `rate` in an epoch."""

    chains = True  # whether it goes on from the rate that it finds

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(
                f"optimizer must be an Optimizer, got {type(optimizer).__name__}"
            )
        self.optimizer = optimizer
        self.base_lrs: list[float] = []
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            self.base_lrs.append(group["initial_lr"])
        self.last_epoch = -1
        self._put(*self._following())

    def rate(self, base: float, epoch: int) -> float:
        """The rate in an epoch, counted from 0, of a group that began with `base`."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, or to the one given.

        A group that was added since goes on from the rate that it has.
        """
        self._meet(self.optimizer.param_groups[len(self.base_lrs) :])
        if epoch is not None:
            rates = [self.rate(base, epoch) for base in self.base_lrs]
            whole(lambda: self._put(epoch, rates))
            return
        following = self._following()
        whole(lambda: self._put(*following))

    def get_last_lr(self) -> list[float]:
        """The rates now, one a group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where it is, as plain data."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs),
                "_last_lr": self.get_last_lr()}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go where it was, with the rates that there were."""
        self.base_lrs = list(state["base_lrs"])
        self.step(state["last_epoch"])
        for group, rate in zip(
            self.optimizer.param_groups, state.get("_last_lr", ()), strict=False
        ):
            group["lr"] = rate

    def _closed(self, base: float, epoch: int) -> float:
        return base if epoch < 0 else self.rate(base, epoch)

    def _line(self, epoch: int) -> tuple[float, float]:
        """The rate in an epoch as a line over the initial one: its value at 0, and its slope."""
        at_zero = self._closed(0.0, epoch)
        return at_zero, self._closed(1.0, epoch) - at_zero

    def _following(self) -> tuple[int, list[float]]:
        """The next epoch, and the rates in it."""
        epoch, rates = self.last_epoch + 1, []
        start, slope = self._line(self.last_epoch)
        next_start, next_slope = self._line(epoch)
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            lr = group["lr"]
            if lr == self._closed(base, self.last_epoch) or not slope or not self.chains:
                rates.append(self.rate(base, epoch))
            else:
                rates.append(next_start + (lr - start) / slope * next_slope)
        return epoch, rates

    def _put(self, epoch: int, rates: list[float]) -> None:
        self.last_epoch = epoch
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr

    def _meet(self, groups: Sequence[dict[str, Any]]) -> None:
        """Take groups that were added since: the rate that each has is that of this epoch."""
        start, slope = self._line(self.last_epoch)
        for group in groups:
            lr = group["lr"]
            self.base_lrs.append((lr - start) / slope if slope else lr)


class StepLR(LRScheduler):
    """Multiplies the rate by `gamma` every `step_size` epochs.

    >>> from micrograd import Value, optim
    >>> sgd = optim.SGD([Value(1.0)], lr=1.0)
    >>> schedule = StepLR(sgd, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     schedule.step()
    >>> sgd.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if not isinstance(step_size, int) or step_size < 1:
            raise ArgumentValueError(f"step_size must be a whole number from 1, got {step_size!r}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`."""
        return base * self.gamma ** (epoch // self.step_size)


class ExponentialLR(LRScheduler):
    """Multiplies the rate by `gamma` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`."""
        return base * self.gamma**epoch


class CosineAnnealingLR(LRScheduler):
    """Half a cosine wave from the initial rate down to `eta_min` in `T_max` epochs."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803
        if not isinstance(T_max, int) or T_max < 1:
            raise ArgumentValueError(f"T_max must be a whole number from 1, got {T_max!r}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`."""
        wave = (1 + math.cos(math.pi * epoch / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * wave


class LambdaLR(LRScheduler):
    """The initial rate times `lr_lambda(epoch)`, whatever it has been changed to."""

    chains = False

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`."""
        return base * self.lr_lambda(epoch)


class MultiStepLR(LRScheduler):
    """Multiplies the rate by `gamma` at each of the milestones."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`."""
        return base * self.gamma ** sum(epoch >= m for m in self.milestones)


class LinearLR(LRScheduler):
    """From `start_factor` times the rate to `end_factor` times it, in `total_iters` epochs."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:  # fmt: skip
        if not isinstance(total_iters, int) or total_iters < 1:
            raise ArgumentValueError(
                f"total_iters must be a whole number from 1, got {total_iters!r}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`."""
        part = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class ConstantLR(LRScheduler):
    """`factor` times the rate for `total_iters` epochs, then the rate."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer)

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`."""
        return base * self.factor if epoch < self.total_iters else base


class ReduceLROnPlateau:
    """Multiplies the rate by `factor` when a measure has not become better for `patience` epochs.

    `step(measure)` after each epoch; better is less, or more with `mode` "max", by `threshold`.
    """

    _KEPT = ("best", "num_bad_epochs", "cooldown_counter")

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float = 0.0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentValueError("mode must be min or max, threshold_mode rel or abs")
        if not factor < 1.0:
            raise ArgumentValueError(f"factor must be below 1, got {factor!r}")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.min_lr, self.eps = min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:
        """Take the measure of an epoch."""
        current = float(metrics)
        better = self._is_better(current)
        self.best = current if better else self.best
        bad = 0 if better else self.num_bad_epochs + 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            bad = 0
        if bad > self.patience:
            for group in self.optimizer.param_groups:
                rate = max(group["lr"] * self.factor, self.min_lr)
                group["lr"] = rate if group["lr"] - rate > self.eps else group["lr"]
            self.cooldown_counter, bad = self.cooldown, 0
        self.num_bad_epochs = bad

    def state_dict(self) -> dict[str, Any]:
        """Where it is, as plain data; the rates are in the optimiser's."""
        return {name: getattr(self, name) for name in self._KEPT}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go where it was."""
        for name in self._KEPT:
            setattr(self, name, state[name])

    def _is_better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if math.isinf(self.best):
            return sign * current < sign * self.best
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1.0)
        return sign * current < sign * (self.best - sign * margin)

    def get_last_lr(self) -> list[float]:
        """The rates now, one a group."""
        return [group["lr"] for group in self.optimizer.param_groups]
