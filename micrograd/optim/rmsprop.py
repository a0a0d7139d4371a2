"""RMSprop: steps that are scaled by a running mean of squared gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from micrograd.ops import Numbers
from micrograd.optim.equation import Equation, Paper, quotient, root, squared
from micrograd.optim.optimizer import Optimizer, check_not_negative, decayed
from micrograd.optim.state import ParamGroup, State
from micrograd.text.equations import Quantity


class RMSprop(Optimizer):
    """p = p - lr g / (√v + eps), where v = alpha v + (1 - alpha) g².

    `centered` takes the variance, v minus the square of the mean gradient, in place of v;
    `momentum` steps against b = momentum b + g / (√v + eps). Names, defaults and rule are those of
    `torch.optim.RMSprop`. Source: Hinton, lecture 6e of "Neural Networks for Machine Learning".

    >>> from micrograd import Value
    >>> p = Value(1.0)
    >>> optimizer = RMSprop([p], lr=0.1, alpha=0.75)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)
    0.8
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        dense: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
            },
            dense,
            maximize,
        )

    def check(self, options: ParamGroup) -> None:
        """Raise an ArgumentValueError for options that make no sense."""
        super().check(options)
        check_not_negative(options, "eps", "momentum", "alpha")

    def direction(self, m: Numbers, p: Any, g: Any, state: State, options: ParamGroup) -> Any:
        """The gradient, divided by the root of the running mean of its squares."""
        g = decayed(p, g, options)
        alpha = options["alpha"]
        v = state["square_avg"] = alpha * state.get("square_avg", 0.0) + (1 - alpha) * (g * g)
        if options["centered"]:
            mean = state.get("grad_avg", 0.0)
            mean = state["grad_avg"] = mean + (1 - alpha) * (g - mean)
            v = v - mean * mean
        scaled = m.div(g, m.sqrt(v) + options["eps"])
        if not options["momentum"]:
            return scaled
        buffer = options["momentum"] * state.get("momentum_buffer", 0.0) + scaled
        state["momentum_buffer"] = buffer
        return buffer

    def initial_state(self, options: ParamGroup) -> dict[str, float | None]:
        """What the rule keeps, and from where it starts."""
        kept: dict[str, float | None] = {"square_avg": 0.0}
        if options["centered"]:
            kept["grad_avg"] = 0.0
        if options["momentum"]:
            kept["momentum_buffer"] = 0.0
        return kept

    def equations(
        self, p: Quantity, g: Quantity, before: State, after: State, options: ParamGroup
    ) -> tuple[Equation, ...]:
        """The mean v = α v_old + (1 − α) g², or the variance, less the squared mean gradient."""
        paper = Paper(p, g, before, after, options)
        g, alpha = paper.decayed(), paper.chosen("α", options["alpha"])
        square = alpha * paper.old("v", "square_avg") + (1 - alpha) * squared(g)
        v = paper.let("v", square, "mean of squared gradients", state="square_avg")
        if options["centered"]:
            mean = alpha * paper.old("m", "grad_avg") + (1 - alpha) * g
            m = paper.let("m", mean, "mean of gradients", state="grad_avg")
            v = paper.let("σ²", v - squared(m), "variance of gradients")
        scaled = quotient(g, root(v) + paper.chosen("ε", options["eps"]))
        if not options["momentum"]:
            return paper.new(scaled)
        buffer = paper.chosen("μ", options["momentum"]) * paper.old("b", "momentum_buffer")
        return paper.new(paper.let("b", buffer + scaled, "velocity", state="momentum_buffer"))

    def direction_text(self, options: ParamGroup) -> str:
        """The rule in words, for pictures."""
        scaled = "g / √(running mean of g²)"
        if options["centered"]:
            scaled = "g / √(running variance of g)"
        return f"{options['momentum']:g}·b + {scaled}" if options["momentum"] else scaled
