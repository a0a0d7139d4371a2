"""A program of arrays: what it reads, and a statement for each array that it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.exporting.expressions import ArrayShape, AxisSize, Expr, inside


@dataclass(frozen=True, slots=True, eq=False)
class Argument:
    """An argument of the function; `whole` if it is only used to index."""

    name: str
    shape: ArrayShape
    whole: bool


@dataclass(frozen=True, slots=True, eq=False)
class TrainedArray:
    """An array of parameters; `members` are their numbers in the recording, in C order."""

    name: str
    shape: tuple[int, ...]
    members: Ids


@dataclass(frozen=True, slots=True, eq=False)
class ArrayStatement:
    """`name = expression`."""

    name: str
    value: Expr

    def inside(self) -> Iterator[Expr]:
        """All expressions in it."""
        return inside(self.value)


AFTER = "'"  # behind the name of a state: what it is after a turn


@dataclass(frozen=True, slots=True, eq=False)
class LoopState:
    """An array that turns hand on: what it is at first, and after a turn.

    In the loop its name is what it was before the turn, and after the loop what it is at last.
    """

    name: str
    shape: tuple[int, ...]
    initial: Expr
    update: Expr


@dataclass(frozen=True, slots=True, eq=False)
class KeptArray:
    """What every turn makes, one after the other: an array with an axis of turns in front."""

    name: str
    value: Expr  # of a turn


@dataclass(frozen=True, slots=True, eq=False)
class ArrayLoop:
    """Statements that are run turn by turn; `index` counts the turns."""

    index: str
    count: AxisSize
    states: tuple[LoopState, ...]
    body: tuple[ArrayStatement, ...]
    kept: tuple[KeptArray, ...]

    @property
    def name(self) -> str:
        """The name of its first state."""
        return self.states[0].name

    def inside(self) -> Iterator[Expr]:
        """All expressions in it."""
        for state in self.states:
            yield from inside(state.initial)
            yield from inside(state.update)
        for value in (*(s.value for s in self.body), *(k.value for k in self.kept)):
            yield from inside(value)


ProgramPart = ArrayStatement | ArrayLoop


@dataclass(frozen=True, slots=True, eq=False)
class ArrayProgram:
    """Statements in order, one of which makes the `loss`.

    `constants` are arrays of numbers that the function found around it, and of indices. `samples`
    are the arguments whose leading axis may have any length, if there are such: expressions then
    have `Samples` among their sizes.
    """

    name: str
    arguments: tuple[Argument, ...]
    parameters: tuple[TrainedArray, ...]
    constants: Mapping[str, np.ndarray]
    statements: tuple[ProgramPart, ...]
    samples: tuple[int, ...] = ()
    n: int = 0  # how many samples there were
    taken: frozenset[str] = field(default_factory=frozenset)  # names that are in use
    loss: str = "L"

    @property
    def has_loops(self) -> bool:
        """Whether some of it is run turn by turn."""
        return any(isinstance(s, ArrayLoop) for s in self.statements)
