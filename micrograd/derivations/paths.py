"""Paths from a result down to an input: the products of the chain rule, and how many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from micrograd.derivations.lines import Edge, Equations
from micrograd.ops import OPS
from micrograd.text.equations import Applied, Quantity


@dataclass(frozen=True)
class Path:
    """One way from the result to the input: a local derivative for each step on it."""

    edges: tuple[Edge, ...]

    @property
    def factors(self) -> list[str]:
        """The local derivatives by name: `∂L/∂out`."""
        return [edge.name for edge in self.edges]

    @cached_property
    def expression(self) -> Any:
        """The product of the local derivatives, each as the expression that it is."""
        return product([edge.slope for edge in self.edges])

    @cached_property
    def numbers(self) -> Any:
        """The product of the local derivatives, each as one number."""
        return product([Quantity("", edge.value) for edge in self.edges])

    @property
    def value(self) -> float:
        """What this path adds to the derivative."""
        return float(self.numbers)

    @property
    def through(self) -> list[str]:
        """The names on the way, from the result to the input."""
        return [self.edges[0].line.result.name, *(edge.below.name for edge in self.edges)]


def product(factors: list[Any]) -> Any:
    """The factors times each other, as they stand."""
    total = factors[0]
    for factor in factors[1:]:
        total = Applied(OPS["mul"], (total, factor))
    return total


def added(terms: list[Any]) -> Any:
    """The sum of terms, as they stand."""
    total = terms[0]
    for term in terms[1:]:
        total = Applied(OPS["add"], (total, term))
    return total


class Ways:
    """What lies between a result and an input: the edges of every path, and their number."""

    def __init__(self, recorded: Equations, target: int) -> None:
        self.target = target
        self.top = recorded.output.position
        self.count: dict[int, int] = defaultdict(int, {target: 1})
        self.longest = dict.fromkeys([target], 0)  # steps of the longest path from each line
        self.edges: dict[int, list[Edge]] = {}
        for position in recorded.lines:  # inputs before what is computed from them
            if position == target:
                continue
            edges = [e for e in recorded.edges(position) if self.count.get(e.below.tag)]
            if edges:
                self.edges[position] = edges
                self.count[position] = sum(self.count[e.below.tag] for e in edges)
                self.longest[position] = 1 + max(self.longest[e.below.tag] for e in edges)

    @property
    def number(self) -> int:
        """How many paths there are."""
        return self.count.get(self.top, 0)

    @property
    def length(self) -> int:
        """How many factors the longest path has."""
        return self.longest.get(self.top, 0)

    def paths(self) -> Iterator[Path]:
        """Every path, in the order in which the equations name what they read."""
        stack: list[tuple[int, tuple[Edge, ...]]] = [(self.top, ())]
        while stack:
            position, edges = stack.pop()
            if position == self.target:
                yield Path(edges)
                continue
            following = [(e.below.tag, (*edges, e)) for e in self.edges.get(position, ())]
            stack += reversed(following)
