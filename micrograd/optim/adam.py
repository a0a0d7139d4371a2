"""Adam and AdamW: momentum and scaling at once, both corrected for having started at 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from micrograd.errors import ArgumentValueError
from micrograd.ops import Numbers
from micrograd.optim.equation import Equation, Paper, quotient, root, squared
from micrograd.optim.optimizer import Optimizer, check_not_negative, decayed, uphill
from micrograd.optim.state import ParamGroup, State
from micrograd.text.equations import SYMBOLS, Expression, Quantity


class Adam(Optimizer):
    """p = p - lr m̂ / (√v̂ + eps), where m̂ and v̂ are running means of g and g², corrected.

    m = β₁ m + (1 - β₁) g and v = β₂ v + (1 - β₂) g²; after t steps m̂ = m / (1 - β₁ᵗ) and
    v̂ = v / (1 - β₂ᵗ). `amsgrad` takes the largest v so far. Names, defaults and rule are those of
    `torch.optim.Adam`. Source: Kingma and Ba, ICLR 2015.

    >>> from micrograd import Value
    >>> p = Value(1.0)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)
    0.9
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        dense: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
            },
            dense,
            maximize,
        )

    def check(self, options: ParamGroup) -> None:
        """Raise an ArgumentValueError for options that make no sense."""
        super().check(options)
        check_not_negative(options, "eps")
        betas = options["betas"]
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ArgumentValueError(f"betas must be two numbers from 0 to below 1, got {betas!r}")

    def direction(self, m: Numbers, p: Any, g: Any, state: State, options: ParamGroup) -> Any:
        """The corrected mean of the gradients over the root of that of their squares."""
        return self._scaled_mean(m, decayed(p, g, options), state, options)

    def _scaled_mean(self, m: Numbers, g: Any, state: State, options: ParamGroup) -> Any:
        beta1, beta2 = options["betas"]
        t = state["step"] = state.get("step", 0.0) + 1.0
        mean = state.get("exp_avg", 0.0)
        mean = state["exp_avg"] = mean + (1 - beta1) * (g - mean)
        square = beta2 * state.get("exp_avg_sq", 0.0) + (1 - beta2) * (g * g)
        state["exp_avg_sq"] = square
        if options["amsgrad"]:
            square = state["max_exp_avg_sq"] = m.maximum(state.get("max_exp_avg_sq", 0.0), square)
        root = m.div(m.sqrt(square), m.sqrt(1.0 - m.pow(beta2, t)))
        return m.div(m.div(mean, root + options["eps"]), 1.0 - m.pow(beta1, t))

    def initial_state(self, options: ParamGroup) -> dict[str, float | None]:
        """What the rule keeps, and from where it starts."""
        largest = {"max_exp_avg_sq": 0.0} if options["amsgrad"] else {}
        return {"step": 0.0, "exp_avg": 0.0, "exp_avg_sq": 0.0, **largest}

    def equations(
        self, p: Quantity, g: Quantity, before: State, after: State, options: ParamGroup
    ) -> tuple[Equation, ...]:
        """Means m and v, corrected by the count t to m̂ and v̂; a step against m̂ / (√v̂ + ε)."""
        paper = Paper(p, g, before, after, options)
        return paper.new(self._corrected(paper, paper.decayed(), options))

    def _corrected(self, paper: Paper, g: Quantity, options: ParamGroup) -> Expression:
        beta1 = paper.chosen("β₁", options["betas"][0])
        beta2 = paper.chosen("β₂", options["betas"][1])
        t = paper.count()
        mean = beta1 * paper.old("m", "exp_avg") + (1 - beta1) * g
        m = paper.let("m", mean, "mean of gradients", state="exp_avg")
        square = beta2 * paper.old("v", "exp_avg_sq") + (1 - beta2) * squared(g)
        v = paper.let("v", square, "mean of squared gradients", state="exp_avg_sq")
        if options["amsgrad"]:
            largest = SYMBOLS.maximum(paper.old("v_max", "max_exp_avg_sq"), v)
            v = paper.let("v_max", largest, "largest v so far", state="max_exp_avg_sq")
        start = "corrected for the start at 0"
        m_hat = paper.let("m̂", quotient(m, 1 - SYMBOLS.pow(beta1, t)), start)
        v_hat = paper.let("v̂", quotient(v, 1 - SYMBOLS.pow(beta2, t)), start)
        return quotient(m_hat, root(v_hat) + paper.chosen("ε", options["eps"]))

    def direction_text(self, options: ParamGroup) -> str:
        """The rule in words, for pictures."""
        return "mean of g / √(mean of g²)"


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: p also shrinks by lr weight_decay p.

    Names, defaults and rule are those of `torch.optim.AdamW`. Source: Loshchilov and Hutter,
    ICLR 2019.

    >>> from micrograd import Value
    >>> p = Value(1.0)
    >>> optimizer = AdamW([p], lr=0.1, weight_decay=0.5)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> round(p.data, 6)
    0.85
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        dense: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, dense, maximize=maximize)

    def direction(self, m: Numbers, p: Any, g: Any, state: State, options: ParamGroup) -> Any:
        """Adam's direction, and the parameter itself by weight_decay."""
        scaled = self._scaled_mean(m, uphill(g, options), state, options)
        return scaled + options["weight_decay"] * p if options["weight_decay"] else scaled

    def equations(
        self, p: Quantity, g: Quantity, before: State, after: State, options: ParamGroup
    ) -> tuple[Equation, ...]:
        """Adam's, and λ p added to its direction."""
        paper = Paper(p, g, before, after, options)
        scaled = self._corrected(paper, paper.uphill(), options)
        decay = options["weight_decay"]
        return paper.new(scaled + paper.chosen("λ", decay) * p if decay else scaled)

    def direction_text(self, options: ParamGroup) -> str:
        """The rule in words, for pictures."""
        decay = options["weight_decay"]
        return super().direction_text(options) + (f" + {decay:g}·p" if decay else "")
