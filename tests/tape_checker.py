"""Compares the numbers of a picture with the recording, and the recording with torch in float64."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from calculator import last_digit, same_digits
from equation_reader import Finding
from formula_parser import NUMBER
from printed import MISSING, Card, Line, Printed

from micrograd.steps.step import Step
from micrograd.tape.tape import Tape

TOLERANCE = 1e-9
FOLDED = re.compile("folded|nearest|more|operations on|折叠|最近|个运算")


def constants(step: Step) -> dict[str, float]:
    """What an optimiser's formulas are computed with."""
    options: dict[str, Any] = dict(step.parameters[0].options)
    beta1, beta2 = options.get("betas", (0.0, 0.0))
    state = step.parameters[0].state_after
    return {
        "lr": step.learning_rate,
        "μ": options.get("momentum", 0.0),
        "α": options.get("alpha", 0.0),
        "λ": options.get("weight_decay", 0.0),
        "ε": options.get("eps", 0.0),
        "β₁": beta1,
        "β₂": beta2,
        "t": float(np.max(state["step"])) if "step" in state else 1.0,
    }


class Numbers:
    """A set of exact numbers, asked for what they are when rounded."""

    def __init__(self, numbers: Iterable[float | None]) -> None:
        self.sorted = sorted(x for x in numbers if x is not None and np.isfinite(x))

    def __contains__(self, text: str) -> bool:
        x = float(text.replace("−", "-"))
        if not np.isfinite(x):
            return True
        slack = last_digit(text) * (0.5 + 1e-9) + 1e-15 * abs(x)
        i = bisect.bisect_left(self.sorted, x - slack)
        return i < len(self.sorted) and self.sorted[i] <= x + slack


def check_numbers(svg: str, tape: Tape, step: Step | None = None) -> list[Finding]:
    """The forward values, gradients and updated parameters that were never computed."""
    picture = Printed(svg)
    values = [n.value for n in tape.nodes]
    gradients = [n.gradient for n in tape.nodes]
    products = [n.gradient * d for n in tape.nodes if n.gradient is not None for d in n.local]
    if step is not None:
        values += [*np.ravel(step.x_values), *np.ravel(step.y_values)]
        for p in step.parameters:
            values += list(p.before.ravel())
    expected = {
        "fwd": Numbers([*values, step.loss_after if step else None]),
        "bwd": Numbers([*gradients, *products]),
    }
    findings = [
        Finding("number", card.key, str(line), f"{cell} is not in the recording ({role})")
        for card in picture.cards.values()
        for band, lines in card.bands.items()
        for role in [card.role(band)]
        for line in lines
        if not line.text.startswith("Σ ")  # of several; the equation that it is in is recomputed
        for cell in line.cells
        if role in expected and re.fullmatch(rf"[-−]?{NUMBER}", cell) and cell not in expected[role]
    ]
    findings += _gradients(picture, tape)
    if step is not None:
        findings += _missing(picture, step)
        findings += _parameters(picture, step)
    return findings


def _same(text: str, x: float | None) -> bool:
    return text == MISSING if x is None or text == MISSING else same_digits(x, text)


def _gradients(picture: Printed, tape: Tape) -> list[Finding]:
    """A value and its gradient on one card are those of one node."""
    known = [(n.value, n.gradient) for n in tape.nodes if n.gradient is not None]
    findings = []
    for card in picture.cards.values():
        rows = _rows(card)
        pairs = [
            (name, number_, rows[f"∂L/∂{name}"])
            for name, number_ in rows.items()
            if f"∂L/∂{name}" in rows
        ]
        for (band, above), (next_band, below) in pairwise(card.matrices()):
            flat = [_flat(above), _flat(below)]
            if (card.role(band), card.role(next_band)) == ("fwd", "bwd") and len(flat[0]) == len(
                flat[1]
            ):
                pairs += [(card.key, *pair) for pair in zip(*flat, strict=True)]
        findings += [
            Finding("gradient", card.key, name, f"no node has {value} and {gradient}")
            for name, value, gradient in pairs
            if not {value, gradient} & {MISSING, "…", "⋮", "⋯"}
            and not any(same_digits(v, value) and same_digits(g, gradient) for v, g in known)
        ]
    return findings


def _flat(lines: list[Line]) -> list[str]:
    return [cell for line in lines for cell in line.cells]


def _rows(card: Card) -> dict[str, str]:
    """What a name before the first equals sign has as its number."""
    return {
        name: line.cells[0]
        for lines in card.bands.values()
        for line in lines
        if len(line.cells) == 1 and line.text
        for name in line.text.split(" = ")
    }


def _parameters(picture: Printed, step: Step) -> list[Finding]:
    """Each parameter is in the picture, with its own gradient and new value beside it."""
    due = []
    for p in step.parameters:
        gradient = [None] * p.before.size if p.gradient is None else p.gradient.ravel().tolist()
        due += zip(p.before.ravel(), gradient, p.after.ravel(), strict=True)
    shown = [triple for card in picture.cards.values() for triple in _triples(card)]
    findings = []
    for key, triple in shown:
        if not any(all(map(_same, triple, numbers)) for numbers in due):
            findings.append(Finding("parameter", key, " ".join(triple), "no parameter has these"))
    return findings


def _missing(picture: Printed, step: Step) -> list[Finding]:
    """The loss, and the parameters that are on no card with all their numbers."""
    if FOLDED.search(" ".join(map(str, picture.captions))):
        return []
    cards = [
        {role: [*_cells(card, role)] for role in ("fwd", "bwd", "upd")}
        for card in picture.cards.values()
    ]
    updates = any(card["upd"] for card in cards)
    due: list[tuple[str, tuple[float | None, ...]]] = [("the loss", (step.loss, None, None))]
    for p in step.parameters:
        if p.gradient is None or (p.positions < 0).any():
            continue
        numbers = zip(p.before.ravel(), p.gradient.ravel(), p.after.ravel(), strict=True)
        due += [(p.name, (a, b, c if updates else None)) for a, b, c in numbers]
    return [
        Finding("missing", "", name, f"no card has {wanted}")
        for name, wanted in due
        if not any(
            all(
                x is None or any(_same(cell, x) for cell in cells)
                for x, cells in zip(wanted, card.values(), strict=True)
            )
            for card in cards
        )
    ]


def _cells(card: Card, role: str) -> Iterator[str]:
    for band, lines in card.bands.items():
        if card.role(band) == role:
            for line in lines:
                yield from (cell for cell in line.cells if re.fullmatch(rf"[-−]?{NUMBER}", cell))


def _triples(card: Card) -> list[tuple[str, tuple[str, str, str]]]:
    """What is printed as a parameter's value, gradient and new value."""
    last = {card.role(band): _flat(lines) for band, lines in card.matrices()}
    if {"fwd", "bwd", "upd"} <= last.keys():
        flat = [last["fwd"], last["bwd"], last["upd"]]
        if len({len(f) for f in flat}) == 1 and "…" not in str(flat):
            return [(card.key, (a, b, c)) for a, b, c in zip(*flat, strict=True)]
    rows = _rows(card)
    found = []
    for new in rows:
        name = new.removeprefix("new ")
        value, gradient = rows.get(name), rows.get(f"∂L/∂{name}")
        if new == "new value":
            value, gradient = rows.get("value"), rows.get("∂L/∂W", rows.get("∂L/∂b"))
        if new.startswith("new ") and value and gradient:
            found.append((card.key, (value, gradient, rows[new])))
    return found


def check_tape(tape: Tape) -> list[Finding]:
    """The recorded values and gradients that torch does not get from the same operations."""
    leaves: list[Any] = []
    results: list[Any] = []
    for node in tape.nodes:
        if not node.inputs:
            results.append(torch.tensor(node.value, dtype=torch.float64, requires_grad=True))
            leaves.append(results[-1])
        else:
            static = () if node.static is None else (node.static,)
            inputs = [results[i] for i in node.inputs]
            results.append(_in_torch(node.op, inputs, static))
        if results[-1].requires_grad and not results[-1].is_leaf:
            results[-1].retain_grad()
    if results[-1].requires_grad:
        results[-1].backward()
    findings = []
    scale = max([abs(n.value) for n in tape.nodes] + [1.0])
    for i, (node, mine) in enumerate(zip(tape.nodes, results, strict=True)):
        if abs(node.value - mine.item()) > TOLERANCE * scale:
            findings.append(Finding("torch", f"node {i}", node.op, f"{node.value} {mine.item()}"))
        theirs = 0.0 if mine.grad is None else mine.grad.item()
        if node.op.startswith(("less", "equal")):
            continue  # torch has no way back through a comparison
        if node.gradient is not None and abs(node.gradient - theirs) > TOLERANCE * (
            1 + abs(theirs)
        ):
            findings.append(
                Finding("torch", f"node {i}", node.op, f"gradient {node.gradient} {theirs}")
            )
    return findings


def _in_torch(op: str, inputs: list[Any], static: tuple[float, ...]) -> Any:
    if op == "":
        raise ValueError("a node made by hand")
    return getattr(TorchRows, op)(*inputs, *static)


class TorchRows:
    """The operations as torch has them."""

    add, sub, mul, div, neg = torch.add, torch.sub, torch.mul, torch.div, torch.neg
    pow = pow_static = staticmethod(lambda a, b: a**b)
    exp, log, sqrt, sin, cos, tanh = (
        torch.exp, torch.log, torch.sqrt, torch.sin, torch.cos, torch.tanh,
    )  # fmt: skip
    abs, relu, sigmoid = torch.abs, torch.relu, torch.sigmoid
    maximum, minimum = torch.maximum, torch.minimum
    softplus = staticmethod(torch.nn.functional.softplus)
    leaky_relu = staticmethod(lambda x, slope: torch.where(x > 0, x, slope * x))
    less = staticmethod(lambda a, b: (a < b).double())
    less_equal = staticmethod(lambda a, b: (a <= b).double())
    equal = staticmethod(lambda a, b: (a == b).double())
    select = staticmethod(lambda c, a, b: torch.where(c != 0, a, b))
