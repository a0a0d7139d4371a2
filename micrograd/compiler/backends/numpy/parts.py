"""What several statements compute on their way of the same numbers is computed once.

σ and its slope both begin with e^-|x|, which costs more than all the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from micrograd.compiler.nest.spans import Span

PART = re.compile(r"\bpart\d+\b")
NAME = re.compile(r"«(\d+)»")  # of a part, until it is known whether another statement reads it


class Parts:
    """The parts of statements so far, and what each is computed from."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, list[Span]]] = {}  # by their text
        self._own: list[str] = []  # the name that each has if nobody else reads it
        self._again: dict[int, str] = {}  # those that are read again, and their names

    def lines(self, written: Iterable[str], read: list[Span]) -> Iterator[str]:
        """The lines of a statement that reads these addresses, without the parts that are known."""
        names: dict[str, str] = {}
        for line in written:
            head, assigned, text = line.partition(" = ")
            text = PART.sub(lambda found: names[found[0]], text if assigned else line)
            if not assigned or not PART.fullmatch(head):
                yield f"{head} = {text}" if assigned else text
            elif text in self._known:
                number = self._known[text][0]
                self._again.setdefault(number, f"shared{len(self._again)}")
                names[head] = f"«{number}»"
            else:
                names[head] = f"«{len(self._own)}»"
                self._known[text] = len(self._own), read
                self._own.append(head)
                yield f"{names[head]} = {text}"

    def overwritten(self, out: Span) -> None:
        """Forget what was computed from numbers that are others now."""
        self._known = {
            text: (number, read)
            for text, (number, read) in self._known.items()
            if not any(x.meets(out) for x in read)
        }

    def named(self, line: str) -> str:
        """A line with the names that parts have in the end."""
        return NAME.sub(lambda x: self._again.get(int(x[1]), self._own[int(x[1])]), line)
