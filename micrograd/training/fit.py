"""`fit`: the training loop, with progress, history, validation and early stopping."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from micrograd import observers
from micrograd.compiler.api import compile  # noqa: A004  (the contract's name)
from micrograd.data import DataLoader
from micrograd.errors import ArgumentTypeError, ArgumentValueError, CompileError, TrainingError
from micrograd.interrupts import restored, whole
from micrograd.nn.losses import Loss
from micrograd.nn.module import Module
from micrograd.observers import no_grad
from micrograd.optim.optimizer import Optimizer
from micrograd.steps.mistakes import check_order, check_trains, kind_of
from micrograd.tensors.tensor import Tensor, tensor

Batch = tuple[Tensor, Tensor]
LossFunction = Callable[[Any, Any], Any]

CALL = "fit(model, loss, optimizer, loader, epochs)"
NOT_WANTED = "compiled=False was given"


@dataclass
class History:
    """What happened in training.

    `losses` and `validation` have one number an epoch, `batch_losses` one a step, before its
    update. An epoch's loss is the mean over its samples. `learning_rates` is the rate of each
    epoch. `stopped` says why training ended early, and is empty if it did not. `compiled` is True
    if the steps ran compiled, or the reason why not.
    """

    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    batch_losses: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    stopped: str = ""
    compiled: bool | str = NOT_WANTED

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.losses)

    def __repr__(self) -> str:
        loss = f", loss {self.losses[-1]:.6g}" if self.losses else ""
        stopped = f", {self.stopped}" if self.stopped else ""
        return f"<History: {self.epochs} epochs{loss}{stopped}>"


def fit(
    model: Module,
    loss: LossFunction,
    optimizer: Optimizer,
    loader: Iterable[Batch],
    epochs: int,
    progress: bool = True,
    *,
    validation: Iterable[Batch] | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callable[[History], object]] = (),
    compiled: bool = True,
) -> History:
    """Train a model and return what happened.

    `loader` and `validation` give batches (x, y), again for each epoch, as a `DataLoader` does.
    With `patience`, training stops when the validation loss (the training loss, if there is no
    validation) has not fallen below its best for so many epochs, and the model gets its best
    parameters back. Each callback is called with the history after every epoch; returning True
    stops training. A schedule is one: `callbacks=[lambda history: schedule.step()]`.

    Steps run compiled where `micrograd.compile` can: the first batch of each shape is traced, and
    `History.compiled` says whether that worked, or why not. Compiled steps leave `.grad` alone.
    With `compiled=False` every step is eager.

    Ctrl-C ends training after the step that it came in; the model stays usable and the history so
    far is returned. A loss that is nan or infinite raises a TrainingError and is not stepped on.

    >>> from micrograd import nn, optim
    >>> from micrograd.data import DataLoader
    >>> model = nn.Linear(1, 1)
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> loader = DataLoader([[0.0], [1.0]], [[1.0], [3.0]], seed=0)
    >>> history = fit(model, nn.MSELoss(), sgd, loader, epochs=200, progress=False)
    >>> history.epochs, history.losses[-1] < 1e-3
    (200, True)
    """
    _check(model, loss, optimizer, loader, epochs, patience)
    _check_repeats(epochs, loader=loader, validation=validation)
    history = History()
    steps = _Steps(model, loss, optimizer, history, compiled)
    best = (math.inf, model.state_dict(), 0)
    bar = _bar(epochs) if progress else None
    try:
        for epoch in range(epochs):
            _finish(epoch, steps, loader, validation)
            watched = (history.validation or history.losses)[-1]
            if watched < best[0]:
                best = (watched, model.state_dict(), epoch)
            if bar is not None:
                bar.set_postfix_str(f"loss {history.losses[-1]:.4g}", refresh=False)
                bar.update()
            answers = [callback(history) for callback in callbacks]
            if any(answer is True for answer in answers):
                history.stopped = f"stopped by a callback after epoch {epoch + 1}"
            elif patience is not None and epoch - best[2] >= patience:
                model.load_state_dict(best[1])
                history.stopped = f"no better for {patience} epochs; best was epoch {best[2] + 1}"
            if history.stopped:
                break
    except KeyboardInterrupt:
        history.stopped = f"interrupted in epoch {history.epochs + 1}"
    finally:
        if bar is not None:
            bar.close()
    return history


def evaluate(model: Module, loss: LossFunction, batches: Iterable[Batch]) -> float:
    """The mean loss over all samples, without recording anything.

    >>> from micrograd import nn, tensor
    >>> evaluate(nn.ReLU(), nn.MSELoss(), [(tensor([[2.0]]), tensor([[5.0]]))])
    9.0
    """
    watching = observers.mine()

    def mean() -> float:
        total, samples = 0.0, 0
        with no_grad():
            for x, y in batches:
                total += float(loss(model(x), y)) * len(x)
                samples += len(x)
        return total / samples if samples else math.nan

    return restored(mean, lambda: observers.put(watching))


class _Steps:
    """Steps and losses of batches: compiled until that fails, and then eager for good."""

    def __init__(
        self,
        model: Module,
        loss: LossFunction,
        optimizer: Optimizer,
        history: History,
        compiled: bool,
    ) -> None:
        self.model, self.loss, self.optimizer, self.history = model, loss, optimizer, history
        self._compiled = None
        if compiled:
            self._compiled = compile(self._loss_of, optimizer=optimizer)
            history.compiled = True

    def _loss_of(self, x: Any, y: Any) -> Any:
        x, y = (a if isinstance(a, Tensor) else tensor(a) for a in (x, y))
        return self.loss(self.model(x), y)

    def batches(self, loader: Iterable[Batch]) -> Iterable[Any]:
        """The batches of a loader, as arrays if that saves making Values of them."""
        if self._compiled is not None and isinstance(loader, DataLoader):
            return loader.arrays()
        return loader

    def step(self, x: Any, y: Any) -> float:
        """The loss of a batch, and one update; a loss that is not finite raises and updates not."""
        if self._compiled is not None:
            try:
                number: float = self._compiled.attempt(*self._arguments(x, y))
                if number == number:
                    return number
            except CompileError as error:
                self._give_up(error)
            except IndexError:
                pass  # a class that there is not: the eager step says which
        self.optimizer.zero_grad()
        result = self._loss_of(x, y)
        number = float(result)
        if not math.isfinite(number):
            raise _diverged(number, self.history)
        result.backward()
        self.optimizer.step()
        return number

    def _arguments(self, x: Any, y: Any) -> tuple[Any, Any]:
        """What a compiled step takes: arrays, classes as integers, targets that make sense."""
        if isinstance(self.loss, Loss):
            numbers = y.numpy() if isinstance(y, Tensor) else y
            self.loss.check_numbers(numbers)
            if self.loss.takes_classes and numbers.ndim == 1 and (numbers % 1 == 0).all():
                return x, numbers.astype(np.int64)
        return x, y

    def evaluate(self, batches: Iterable[Batch]) -> float:
        """The mean loss over all samples."""
        if self._compiled is not None:
            try:
                losses = [
                    (self._compiled(*self._arguments(x, y)), len(x))
                    for x, y in self.batches(batches)
                ]
                total = sum(n for _, n in losses)
                return sum(loss * n for loss, n in losses) / total if total else math.nan
            except CompileError as error:
                self._give_up(error)
        return evaluate(self.model, self.loss, batches)

    def _give_up(self, error: CompileError) -> None:
        self._compiled = None
        self.history.compiled = str(error)


def _finish(
    epoch: int, steps: _Steps, loader: Iterable[Batch], validation: Iterable[Batch] | None
) -> None:
    """Run an epoch; the history gets all of its numbers or, if it is interrupted, none."""
    history, rate = steps.history, steps.optimizer.lr
    loss = _epoch(steps, loader, history)
    measured = [] if validation is None else [steps.evaluate(validation)]

    def note() -> None:
        history.learning_rates[epoch:] = [rate]
        history.losses[epoch:] = [loss]
        history.validation[epoch:] = measured

    whole(note)


def _epoch(steps: _Steps, loader: Iterable[Batch], history: History) -> float:
    total, samples = 0.0, 0
    for batch in steps.batches(loader):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ArgumentTypeError(
                f"loader must give batches (x, y), such as DataLoader(X, y), got {kind_of(batch)}"
            )
        x, y = batch
        number = steps.step(x, y)
        history.batch_losses.append(number)
        total += number * len(x)
        samples += len(x)
    if not samples:
        raise ArgumentValueError("loader gave no batches")
    return total / samples


def _diverged(number: float, history: History) -> TrainingError:
    last = f"the step before had {history.batch_losses[-1]:.4g}" if history.batch_losses else ""
    why = (
        "the learning rate may be too large"
        if history.batch_losses
        else "the data or the initial parameters may hold nan or very large numbers"
    )
    return TrainingError(
        f"the loss is {number} in epoch {history.epochs + 1}, step {len(history.batch_losses) + 1}"
        f"{'; ' + last if last else ''}: {why}; micrograd.detect_anomaly() finds the operation"
    )


def _check(model: Any, loss: Any, optimizer: Any, loader: Any, epochs: Any, patience: Any) -> None:
    check_order(model, loss, optimizer, CALL)
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"model must be a Module, got {type(model).__name__}")
    check_trains(model, loss, optimizer)
    if isinstance(loader, Tensor | np.ndarray | str) or not isinstance(loader, Iterable):
        raise ArgumentTypeError(
            f"loader must give batches (x, y), such as DataLoader(X, y), got {kind_of(loader)}; "
            f"the call is {CALL}"
        )
    for name, number, least in (("epochs", epochs, 0), ("patience", patience or 1, 1)):
        if not isinstance(number, int | np.integer) or number < least:
            raise ArgumentValueError(f"{name} must be a whole number from {least}, got {number!r}")


def _check_repeats(epochs: int, **given: Iterable[Batch] | None) -> None:
    """Raise an error about batches that there are once, where they are wanted for each epoch."""
    for name, batches in given.items():
        if isinstance(batches, Iterator) and epochs > 1:
            raise ArgumentTypeError(
                f"{name} must give its batches again for each epoch, got {kind_of(batches)}, which "
                f"gives them once: pass list({name}), or DataLoader(X, y)"
            )


def _bar(epochs: int) -> Any:
    """A bar in a terminal; in a notebook a widget, where the widgets are installed."""
    name = "tqdm.auto" if find_spec("ipywidgets") else "tqdm"
    return importlib.import_module(name).tqdm(total=epochs, unit="epoch")
