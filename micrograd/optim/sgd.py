"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from micrograd.engine import as_number
from micrograd.errors import ArgumentValueError
from micrograd.ops import Numbers
from micrograd.optim.equation import Equation, Paper
from micrograd.optim.optimizer import Optimizer, check_not_negative, decayed
from micrograd.optim.state import ParamGroup, State
from micrograd.text.equations import Quantity


class SGD(Optimizer):
    """p = p - lr g; with momentum p = p - lr v, where v = momentum v + (1 - dampening) g.

    Nesterov's form steps against g + momentum v. Weight decay adds weight_decay p to g. Names,
    defaults and rule are those of `torch.optim.SGD`: the first v is g.

    >>> from micrograd import Value
    >>> p = Value(1.0)
    >>> optimizer = SGD([p], lr=0.1)
    >>> (p * p).backward()
    >>> optimizer.step()
    >>> p.data
    0.8
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        dense: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
            dense,
            maximize,
        )

    def check(self, options: ParamGroup) -> None:
        """Raise an ArgumentValueError for options that make no sense."""
        super().check(options)
        check_not_negative(options, "momentum")
        as_number(options["dampening"], "dampening")
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ArgumentValueError(
                "nesterov needs momentum above 0 and dampening 0, got "
                f"momentum={options['momentum']!r}, dampening={options['dampening']!r}"
            )

    def direction(self, m: Numbers, p: Any, g: Any, state: State, options: ParamGroup) -> Any:
        """The gradient, decayed and with momentum as the options say."""
        g = decayed(p, g, options)
        momentum = options["momentum"]
        if not momentum:
            return g
        v = g
        if "momentum_buffer" in state:
            v = momentum * state["momentum_buffer"] + (1 - options["dampening"]) * g
        state["momentum_buffer"] = v
        return g + momentum * v if options["nesterov"] else v

    def initial_state(self, options: ParamGroup) -> dict[str, float | None]:
        """What the rule keeps, and from where it starts."""
        first = None if options["dampening"] else 0.0  # undamped, the first v is g
        return {"momentum_buffer": first} if options["momentum"] else {}

    def equations(
        self, p: Quantity, g: Quantity, before: State, after: State, options: ParamGroup
    ) -> tuple[Equation, ...]:
        """With momentum v = μ v_old + (1 − τ) g, and a step against v, or against g + μ v."""
        paper = Paper(p, g, before, after, options)
        g = paper.decayed()
        if not options["momentum"]:
            return paper.new(g)
        momentum, dampening = paper.chosen("μ", options["momentum"]), options["dampening"]
        share = (1 - paper.chosen("τ", dampening)) * g if dampening else g
        total = momentum * paper.old("v", "momentum_buffer") + share
        undamped = dampening and "momentum_buffer" not in before  # the first v is g
        v = paper.let("v", g if undamped else total, "velocity", state="momentum_buffer")
        return paper.new(g + momentum * v if options["nesterov"] else v)

    def direction_text(self, options: ParamGroup) -> str:
        """The rule in words, for pictures."""
        g = f"(g + {options['weight_decay']:g}·p)" if options["weight_decay"] else "g"
        if not options["momentum"]:
            return g
        keep = "" if not options["dampening"] else f"{1 - options['dampening']:g}·"
        v = f"{options['momentum']:g}·v + {keep}{g}"
        return f"{g} + {options['momentum']:g}·({v})" if options["nesterov"] else v
