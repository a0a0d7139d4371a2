"""`diagnose`: why a model does not learn, as far as one step of training shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from micrograd.diagnosis.findings import Finding, LayerHealth, findings, layers_of, rms
from micrograd.errors import ArgumentTypeError
from micrograd.nn.losses import MSELoss
from micrograd.optim.optimizer import Optimizer, is_frozen
from micrograd.optim.sgd import SGD
from micrograd.optim.state import scalars
from micrograd.steps.record import try_step
from micrograd.steps.tables import columns
from micrograd.text.words import check_language

HEADS = {
    "en": ("layer", "units", "output", "gradient", "dead", "saturated"),
    "zh": ("层", "单元", "输出", "梯度", "死亡", "饱和"),
}
LINES = {
    "en": ("{samples} sample{s}, loss {loss:.4g}, after a step with the learning rate {rate:g} "
           "{after:.4g}", "Root mean squares:", "Found:", "Nothing is wrong that a step shows."),
    "zh": ("{samples} 个样本，损失 {loss:.4g}，以学习率 {rate:g} 更新一步后为 {after:.4g}",
           "均方根：", "发现的问题：", "从这一步看不出问题。"),
}  # fmt: skip


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found; `print` it, or read its parts, which are plain data."""

    findings: tuple[Finding, ...]
    layers: tuple[LayerHealth, ...]
    samples: int
    loss: float
    loss_after: float  # of the same batch, after a step by the optimizer
    learning_rate: float

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what was found, the worst first, each once."""
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))

    def text(self, language: str = "en") -> str:
        """The layers as a table, and what was found in words; `language` is "en" or "zh"."""
        first, head, found, nothing = LINES[check_language(language)]
        said = first.format(
            samples=self.samples,
            loss=self.loss,
            rate=self.learning_rate,
            after=self.loss_after,
            s="" if self.samples == 1 else "s",
        )
        parts = [said]
        if self.layers:
            rows = [
                (x.name, str(x.units), f"{x.output:.3g}", f"{x.gradient:.3g}",
                 str(len(x.dead)), str(len(x.saturated)))
                for x in self.layers
            ]  # fmt: skip
            parts += ["", head, *[f"  {line}" for line in columns([HEADS[language], *rows])]]
        parts += ["", found if self.findings else nothing]
        parts += [f"  - {finding.text(language)}" for finding in self.findings]
        return "\n".join(parts)

    def __str__(self) -> str:
        return self.text()


def diagnose(
    model: Callable[..., Any],
    x: Any,
    y: Any,
    loss: Callable[[Any, Any], Any] | None = None,
    optimizer: Optimizer | None = None,
) -> Diagnosis:
    """Look for what keeps a model from learning, by one step on a batch; nothing is changed.

    Found are units that are dead (a ReLU that is 0 for all samples) or saturated, gradients that
    vanish or explode from the last layer to the first, parameters without a gradient or outside
    the optimizer, gradients left from before, inputs out of scale, outputs that the loss makes
    again or that cannot reach the targets, nothing that is trained, and a learning rate that
    overshoots or does next to nothing: with numbers, and with what to do. Without `optimizer` the
    last and what is outside of it are not looked for. `loss` is nn.MSELoss() by default; all else
    is as in `record_step`.

    Raises an ArgumentTypeError for a function without `optimizer`: what its parameters are is not
    known.

    >>> from micrograd import nn, optim
    >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> model[0].weight.data, model[0].bias.data = [[1.0], [1.0]], [0.5, -9.0]
    >>> model[2].weight.data, model[2].bias.data = [[0.5, 0.5]], [0.0]
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> found = diagnose(model, [[1.0], [2.0]], [[1.0], [2.0]], optimizer=sgd)
    >>> found.kinds, found.layers[1].dead
    (('dead',), (1,))
    """
    if optimizer is None:
        if not hasattr(model, "parameters"):
            raise ArgumentTypeError(
                "optimizer must be given for a model without parameters(), got "
                f"{type(model).__name__}; the call is diagnose(model, x, y, loss, optimizer)"
            )
        optimizer = SGD(model.parameters(), lr=0.0)
    left = tuple(_left(optimizer))
    wanted = MSELoss() if loss is None else loss
    step = try_step(model, wanted, optimizer, x, y)
    layers = layers_of(step)
    return Diagnosis(
        findings=(*_frozen(optimizer), *findings(step, layers, wanted), *left),
        layers=layers,
        samples=step.samples,
        loss=step.loss,
        loss_after=step.loss_after,
        learning_rate=step.learning_rate,
    )


def _frozen(optimizer: Optimizer) -> Iterator[Finding]:
    if all(is_frozen(p) for group in optimizer.param_groups for p in group["params"]):
        yield Finding("frozen", "optimizer", {})


def _left(optimizer: Optimizer) -> Iterator[Finding]:
    size = rms([v.grad for group in optimizer.param_groups for v in scalars(group["params"])])
    if size:
        yield Finding("leftover", "optimizer", {"size": size})
