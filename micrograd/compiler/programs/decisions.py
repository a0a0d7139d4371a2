"""Programs for the decisions that a function takes: of one shape of arguments a few, tried in turn.

A program that is for other decisions says so when it runs, and has changed nothing.

Numbers around the function that have changed once become inputs of its programs; where they cannot
(a branch depends on them, or an exponent), they stay constants, and others make another program.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd import observers
from micrograd.compiler.compilation import GRADIENT, STEP
from micrograd.compiler.programs.programs import Programs
from micrograd.compiler.running.owed import owed
from micrograd.compiler.running.runner import Runner
from micrograd.compiler.trace.arguments.flattening import Flattener, flattener
from micrograd.compiler.trace.forms import Form
from micrograd.compiler.trace.numbers.advice import advised
from micrograd.compiler.trace.numbers.refusing import DifferentError, Missed, active
from micrograd.compiler.trace.world.around import Around, NumbersChanged
from micrograd.errors import CompileError

MOST = 4096  # arguments that are known; then it begins anew
MOST_NUMBERS = 4096  # of one argument that is looked at
MOST_KINDS = 16  # of one place among the arguments


class Guesses:
    """What was right for arguments, known by their numbers' hash: it may be wrong for others.

    >>> guesses = Guesses()
    >>> guesses.note(guesses.key(([1, 2.5], 3)), "a program")
    >>> guesses.get(guesses.key(([1, 2.5], 3))), guesses.get(guesses.key(([1, 2.5], 4)))
    ('a program', None)
    """

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}
        self._readers: dict[int, list[Flattener]] = {}  # by the place of an argument

    def key(self, inputs: tuple[Any, ...]) -> int | None:
        """A hash of all numbers; None of arguments in which they cannot be found quickly."""
        found = []
        for k, x in enumerate(inputs):
            numbers = self._numbers(x, k)
            if numbers is None:
                return None
            found.append(numbers)
        return hash(tuple(found))

    def get(self, key: int | None) -> Any:
        """What was right for arguments with this key."""
        return None if key is None else self._known.get(key)

    def note(self, key: int | None, right: Any) -> None:
        """Remember what was right."""
        if key is not None:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = right

    def _numbers(self, x: Any, k: int) -> Any:
        if type(x) in (float, int):
            return x
        if isinstance(x, np.ndarray):
            return (x.shape, x.tobytes()) if x.size <= MOST_NUMBERS else None
        if type(x) is list and len(x) <= MOST_NUMBERS and {*map(type, x)} <= {int, float}:
            return tuple(x)
        readers = self._readers.setdefault(k, [])
        found = next((f for f in (read(x) for read in readers) if f is not None), None)
        if found is None:
            made = flattener(x, k, {})
            if made is None:
                return None
            readers.insert(0, made)
            del readers[MOST_KINDS:]
            found = made(x)
        return None if found is None else tuple(found[0])


MOST_DECISIONS = 32  # programs of one shape that differ in decisions only
MOST_TRIES = 16  # to find which numbers around a function can be inputs
Inputs = tuple[object, ...]
Find = Callable[[Programs, Inputs], Runner | None]


class Decisions:
    """All programs of one function; `programs` are those that ran last."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self._all = [programs]
        self._around: Around | None = None  # numbers that are inputs, too
        self._guesses = Guesses()
        self._refuted = ""  # how the function was found to be another than its programs

    def __len__(self) -> int:
        return sum(map(len, self._all))

    def given(self, inputs: Inputs) -> Inputs:
        """What programs are given: the arguments, and numbers around the function that change."""
        if self._around is None:
            return inputs
        added = self._around.added(inputs)
        if added is None:
            self._start_with(None)
            return inputs
        return added

    def run(self, inputs: Inputs, find: Find, mode: str) -> tuple[Runner | None, float]:
        """The program that `find` has for what it is given, and the loss; nan if there is none."""
        if self._refuted:
            raise DifferentError(self._refuted)
        added: set[Any] = set()  # to what cannot be an input
        try:
            for _ in range(MOST_TRIES):
                given = self.given(inputs)
                around = self._around
                try:
                    return self._run(given, find, mode)
                except NumbersChanged as changed:
                    known = () if around is None else around.places
                    has_state = changed.are_state or (around is not None and around.has_state)
                    places = [*known, *changed.places]
                    self._start_with(Around(places, self.programs.batch, has_state))
                except Exception as error:
                    if around is None:
                        if isinstance(error, DifferentError):
                            self._start_with(None)
                            self._refuted = str(error)
                        raise
                    self._start_with(None)
                    added |= around.identities
                    self.programs.traces.constant |= around.identities
            raise CompileError(
                "cannot be compiled: other numbers are found around the function whenever it is "
                "traced; pass them as arguments"
            )
        except BaseException:  # it is not because of the numbers
            self.programs.traces.constant -= added
            raise

    def _start_with(self, around: Around | None) -> None:
        """Other programs, for these numbers as inputs."""
        self._around = around
        self.programs = self.programs.another()
        self._all = [self.programs]
        self._guesses = Guesses()

    def _run(self, given: Inputs, find: Find, mode: str) -> tuple[Runner | None, float]:
        key = None
        if len(self._all) > 1 and (mode is not STEP or not (active or observers.active)):
            key = self._guesses.key(given)
            again = self._run_again(given, mode, self._guesses.get(key))
            if again is not None:
                self._guesses.note(key, self.programs)
                return again
        found = self._run_checked(given, find, mode)
        self._guesses.note(key, self.programs)
        return found

    def _run_again(
        self, given: Inputs, mode: str, likely: Programs | None
    ) -> tuple[Runner, float] | None:
        """What has run already for such arguments, if it is for the decisions of these."""
        first = [] if likely is None else [likely]
        for programs in [*first, *(p for p in self._all if p is not likely)]:
            runner = programs.again(mode, given)
            if runner is not None:
                loss = loss_of(runner, mode)
                if loss == loss:
                    self._use(programs)
                    return runner, loss
        return None

    def _run_checked(self, given: Inputs, find: Find, mode: str) -> tuple[Runner | None, float]:
        found = _ran(self.programs, find, given, mode)
        if found is not None:
            return found
        before = self.programs
        others = [p for p in self._all if p is not before]
        known = [p.traces.knows(given) for p in others]
        for programs, knows in zip(others, known, strict=True):
            found = _ran(programs, find, given, mode) if knows else None
            if found is not None:
                self._use(programs)
                return found
        fresh = [p for p, knows in zip(others, known, strict=True) if not knows]
        if not fresh and len(self._all) >= MOST_DECISIONS:
            raise advised(CompileError(_too_many(before, others)))
        if not fresh and before.waits_for_another_way(mode):
            return None, math.nan
        programs = fresh[0] if fresh else before.another()
        found = _ran(programs, find, given, mode)
        if found is None:
            return None, math.nan  # decided otherwise at once: as it is, for this call
        self._use(programs)
        return found

    def _use(self, programs: Programs) -> None:
        self.programs = programs
        self._all = [programs, *(p for p in self._all if p is not programs)]


def _ran(
    programs: Programs, find: Find, given: Inputs, mode: str
) -> tuple[Runner | None, float] | None:
    """The program and the loss; None if it is for other decisions."""
    try:
        runner = find(programs, given)
    except Missed:
        return None
    if runner is None:
        return None, math.nan
    loss = loss_of(runner, mode)
    if loss == loss:
        return runner, loss
    if runner.missed():
        return None
    return _ran(programs, find, given, mode) if programs.make_safe(runner) else (runner, loss)


def loss_of(runner: Runner, mode: str) -> float:
    """The loss of a run, after which a step has been made; nan if there may be none."""
    if mode is STEP:
        return runner.executable.step()
    if mode is GRADIENT and runner.owes:
        owed.write()
    return runner.executable.run()


def _too_many(programs: Programs, others: Sequence[Programs]) -> str:
    form = _form_of(programs)
    reason = "branches depend on traced data"
    if form is not None:
        # Of the decisions, that at which most other programs part from this one.
        forms = map(_form_of, others)
        parting = Counter(-1 if other is None else form.parting(other) for other in forms)
        del parting[-1]
        reason = form.reason(parting.most_common(1)[0][0] if parting else len(form.why))
    return (
        f"cannot be compiled: {reason}\n  and there are {MOST_DECISIONS} programs already, for "
        "the ways that the calls before went"
    )


def _form_of(programs: Programs) -> Form | None:
    return None if programs.newest is None else programs.newest.traced.form
