"""Learning-rate schedules: `step()` after each epoch sets the rate of every group.

Names, arguments and values are those of `torch.optim.lr_scheduler`, in closed form: the rate is a
function of the epoch and of the rate that the group began with. A rate that another schedule or the
user has changed meanwhile is multiplied by what the schedule goes on by, so that several chain.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from micrograd.errors import LISTED, ArgumentTypeError, ArgumentValueError, no_attribute
from micrograd.interrupts import whole
from micrograd.optim.optimizer import Optimizer

INSTEAD = dict.fromkeys(
    ["OneCycleLR", "CyclicLR", "CosineAnnealingWarmRestarts", "PolynomialLR", "MultiplicativeLR"],
    "LambdaLR takes any function of the epoch: LambdaLR(optimizer, lambda epoch: …)",
) | {
    "SequentialLR": "step one schedule for its epochs, and then the next",
    "ChainedScheduler": "step all of them after each epoch: they chain",
}


def __getattr__(name: str) -> Any:
    raise no_attribute("module 'micrograd.optim.lr_scheduler'", name, INSTEAD.get(name, LISTED))


_PLAIN = (int, float, str, list, tuple)
_PLACE = ("last_epoch", "base_lrs", "_last_lr")  # where a schedule is


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
            rates = self._rates(epoch)
            whole(lambda: self._put(epoch, rates))
            return
        following = self._following()
        whole(lambda: self._put(*following))

    def get_last_lr(self) -> list[float]:
        """The rates now, one a group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def options(self) -> dict[str, Any]:
        """What it was made with, as plain data."""
        return {k: v for k, v in vars(self).items()
                if isinstance(v, _PLAIN) and k not in _PLACE}  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """What it was made with and where it is, as plain data."""
        return {**self.options(), "last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs),
                "_last_lr": self.get_last_lr()}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go where it was, with the rates that there were; on any error it is as before.

        Raises an ArgumentValueError for the state of another schedule, or of other groups.
        """
        options = _checked_options(type(self).__name__, self.options(), state, _PLACE)
        changed = copy.copy(self)
        vars(changed).update(options)
        try:
            changed.last_epoch = operator.index(state["last_epoch"])
            changed.base_lrs = [float(rate) for rate in state["base_lrs"]]
            rates = [float(r) for r in state.get("_last_lr", changed._rates(changed.last_epoch))]
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise _no_state(type(self).__name__, repr(error)) from None
        groups = len(self.optimizer.param_groups)
        if not len(rates) == len(changed.base_lrs) == groups:
            raise _no_state(
                type(self).__name__, f"rates for {len(rates)} groups, and there are {groups}"
            )

        def write() -> None:
            vars(self).update(vars(changed))
            self._put(changed.last_epoch, rates)

        whole(write)

    def _rates(self, epoch: int) -> list[float]:
        return [self.rate(base, epoch) for base in self.base_lrs]

    def _closed(self, base: float, epoch: int) -> float:
        return base if epoch < 0 else self.rate(base, epoch)

    def _line(self, epoch: int) -> tuple[float, float]:
        """The rate in an epoch as a line over the initial one: its value at 0, and its slope."""
        at_zero = self._closed(0.0, epoch)
        return at_zero, self._closed(1.0, epoch) - at_zero

    def _following(self) -> tuple[int, list[float]]:
        """The next epoch, and the rates in it."""
        epoch, rates = self.last_epoch + 1, []
        if not self.chains:
            return epoch, self._rates(epoch)
        start, slope = self._line(self.last_epoch)
        next_start, next_slope = self._line(epoch)
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            lr = group["lr"]
            if lr == self._closed(base, self.last_epoch) or not slope:
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


def _checked_options(
    kind: str, own: Mapping[str, Any], state: Any, place: Sequence[str]
) -> dict[str, Any]:
    """What a state says of how its schedule was made: all that this one has, or nothing."""
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise _no_state(kind, repr(state)[:60])
    known = {*place, *own, "verbose"}
    other = [name for name in state if name not in known and not name.startswith("_")]
    given = {name: state[name] for name in own if name in state}
    missing = [name for name in own if name not in given]
    if other or (given and missing):
        said = f"{other[0]} is no part of one" if other else f"{missing[0]} is missing"
        raise _no_state(kind, said)
    changed = [name for name, x in given.items() if not _is_like(x, own[name])]
    if changed:
        raise _no_state(kind, f"{changed[0]} is {given[changed[0]]!r}")
    return {name: x for name, x in given.items() if x is not None and name != "lr_lambdas"}


def _is_like(x: Any, mine: Any) -> bool:
    """Whether an option may stand where another does: numbers are like numbers."""
    if isinstance(mine, list):
        return isinstance(x, list | tuple) and all(isinstance(k, int | None) for k in x)
    numbers = isinstance(x, int | float) and isinstance(mine, int | float)
    return numbers or type(x) is type(mine)


def _no_state(kind: str, found: str) -> ArgumentValueError:
    return ArgumentValueError(f"not the state of a {kind}: {found}")


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
    """The initial rate times `lr_lambda(epoch)`, whatever it has been changed to.

    A list has a function for each group.
    """

    chains = False

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Any]
    ) -> None:
        self.several = isinstance(lr_lambda, Sequence)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, Sequence) else [lr_lambda]
        for f in self.lr_lambdas:
            if not callable(f):
                raise ArgumentTypeError(
                    "lr_lambda must be a function of the epoch, or a list of one for each group, "
                    f"got {type(f).__name__}"
                )
        super().__init__(optimizer)

    def options(self) -> dict[str, Any]:
        """That there are functions, as torch says it; they are not saved."""
        return {"lr_lambdas": [None] * len(self.lr_lambdas)}

    def rate(self, base: float, epoch: int) -> float:
        """See `LRScheduler.rate`; by the first function."""
        factor: float = self.lr_lambdas[0](epoch)
        return base * factor

    def _rates(self, epoch: int) -> list[float]:
        n, groups = len(self.lr_lambdas), len(self.base_lrs)
        if self.several and n != groups:
            raise ArgumentValueError(
                f"lr_lambda has {n} functions, and the optimiser {groups} groups: one for each"
            )
        functions = self.lr_lambdas if self.several else self.lr_lambdas * groups
        return [base * f(epoch) for base, f in zip(self.base_lrs, functions, strict=True)]


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
        """What it was made with, and where it is; the rates are in the optimiser's."""
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go where it was; see `LRScheduler.load_state_dict`."""
        kind = type(self).__name__
        own = {k: v for k, v in self.state_dict().items() if k not in self._KEPT}
        options = _checked_options(kind, own, state, self._KEPT)
        try:
            best = float(state["best"])
            counts = {name: operator.index(state[name]) for name in self._KEPT[1:]}
        except (TypeError, ValueError, LookupError) as error:
            raise _no_state(kind, repr(error)) from None
        whole(lambda: vars(self).update({**options, **counts, "best": best}))

    def _is_better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if math.isinf(self.best):
            return sign * current < sign * self.best
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1.0)
        return sign * current < sign * (self.best - sign * margin)

    def get_last_lr(self) -> list[float]:
        """The rates now, one a group."""
        return [group["lr"] for group in self.optimizer.param_groups]
