"""Adagrad: steps that shrink with all the gradients that a parameter has had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from micrograd.ops import Numbers
from micrograd.optim.equation import Equation, Paper, quotient, root, squared
from micrograd.optim.optimizer import Optimizer, check_not_negative, decayed
from micrograd.optim.state import ParamGroup, State
from micrograd.text.equations import Quantity


class Adagrad(Optimizer):
    """p = p - lr g / (√s + eps), where s = s + g².

    Names, defaults and rule are those of `torch.optim.Adagrad`; `lr_decay` divides the step t by
    1 + (t - 1) lr_decay. Source: Duchi, Hazan and Singer, JMLR 12 (2011).

    >>> from micrograd import Value
    >>> p = Value(1.0)
    >>> optimizer = Adagrad([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> round(p.data, 9)
    0.9
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        dense: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
            },
            dense,
            maximize,
        )

    def check(self, options: ParamGroup) -> None:
        """Raise an ArgumentValueError for options that make no sense."""
        super().check(options)
        check_not_negative(options, "lr_decay", "initial_accumulator_value", "eps")

    def direction(self, m: Numbers, p: Any, g: Any, state: State, options: ParamGroup) -> Any:
        """The gradient, divided by the root of the sum of its squares so far."""
        g = decayed(p, g, options)
        before = state.get("step", 0.0)
        total = state.get("sum", options["initial_accumulator_value"]) + g * g
        state["step"], state["sum"] = before + 1.0, total
        scaled = m.div(g, m.sqrt(total) + options["eps"])
        return m.div(scaled, 1.0 + before * options["lr_decay"]) if options["lr_decay"] else scaled

    def initial_state(self, options: ParamGroup) -> dict[str, float | None]:
        """What the rule keeps, and from where it starts."""
        return {"step": 0.0, "sum": options["initial_accumulator_value"]}

    def equations(
        self, p: Quantity, g: Quantity, before: State, after: State, options: ParamGroup
    ) -> tuple[Equation, ...]:
        """The sum s = s_old + g²; with decay, a rate of its own for each step."""
        paper = Paper(p, g, before, after, options)
        g, rate = paper.decayed(), paper.rate
        start = options["initial_accumulator_value"]
        total = paper.old("s", "sum", start) + squared(g)
        s = paper.let("s", total, "sum of squared gradients", state="sum")
        if options["lr_decay"]:
            elapsed = (paper.count() - 1) * paper.chosen("lr_decay", options["lr_decay"])
            rate = paper.let("lr_t", quotient(rate, 1 + elapsed), "learning rate of this step")
        return paper.new(quotient(g, root(s) + paper.chosen("ε", options["eps"])), rate)

    def direction_text(self, options: ParamGroup) -> str:
        """The rule in words, for pictures."""
        return "g / √(sum of g²)"
