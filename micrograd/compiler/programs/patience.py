"""Whether one more program is worth its making yet.

Arguments whose lengths are other ones in nearly every call would be compiled in nearly every call;
so would a function around which a list grows, or that goes another way for each argument. So after
the first few programs the function itself is run where there is none, until that has taken
noticeable time beside what a program takes to be made. Where one for the same shape hardly ran
before something around the function changed, the next one waits for twice as long.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import thread_time
from typing import TypeVar

T = TypeVar("T")
FREE = 4  # programs that are made at once
WORTH = 5  # one more is made once calls without it have taken this part of what making it takes
FEW = 3  # runs of programs after one was made, if that was in vain
MOST_IN_VAIN = 4  # times; then one does not wait for longer any more
ANOTHER_WAY = "another way"  # what waits where a branch goes a way that no program goes
MOST_SHAPES = 4096  # whose time is known; then that of the oldest is forgotten
AND_BACK = 3  # a gradient takes so many times what the function takes, or less


class Patience:
    """What the programs of one function took to be made, and the function without one."""

    def __init__(self) -> None:
        self.runs = 0  # of programs
        self._traced = self._sizes = 0  # shapes, and batches, that there were programs made for
        self._made: dict[Hashable, tuple[int, int]] = {}  # how often in vain, and after which run
        self._tracing = self._building = 0.0  # seconds, of the last program
        self._running = 0.0  # seconds, of the last run without a program
        self._shape: Hashable = None  # of the arguments that wait
        self._spent: OrderedDict[Hashable, float] = OrderedDict()

    def waits(self, shape: Hashable, traced: bool = False) -> bool:
        """Whether the function itself is run for arguments of this shape, or `ANOTHER_WAY`.

        If it is traced, this is another number of samples of a batch.
        """
        spent = self._spent.get(shape, 0.0) + self._running
        worth = WORTH / 2 ** self._made.get(shape, (0, 0))[0]
        made = self._sizes if traced else self._traced
        costs = self._building + (0.0 if traced else self._tracing)
        waits = made >= FREE and worth * spent < costs
        self._shape = shape if waits else None
        return waits

    def tracing(self, shape: Hashable, trace: Callable[[], T]) -> T:
        """A new trace for arguments of this shape, its time noted."""
        traced, self._tracing = _timed(trace)
        times, before = self._made.pop(shape, (-1, self.runs))
        if len(self._made) >= MOST_SHAPES:
            self._made.clear()
        in_vain = 0 if self.runs - before > FEW else min(times + 1, MOST_IN_VAIN)
        self._made[shape] = in_vain, self.runs
        self._traced += 1
        self._spent.pop(ANOTHER_WAY, None)
        self._spent.pop(shape, None)
        return traced

    def building(self, build: Callable[[], T], batch: Hashable = None) -> T:
        """A program of a trace, its time noted; of a batch its shape is given, too."""
        program, self._building = _timed(build)
        if batch is not None:
            self._sizes += 1
            self._spent.pop(batch, None)
        return program

    def alone(self, run: Callable[[], T]) -> T:
        """What the function gives, run beside its programs, its time noted."""
        result, seconds = _timed(run)
        self._running = AND_BACK * seconds
        return result

    def instead(self, run: Callable[[], T]) -> T:
        """What a call gives for which there is no program; its time noted, if arguments wait."""
        result, seconds = _timed(run)
        shape, self._shape = self._shape, None
        if shape is not None:
            self._running = seconds
            self._spent[shape] = self._spent.pop(shape, 0.0) + seconds
            if len(self._spent) > MOST_SHAPES:
                self._spent.popitem(last=False)
        return result


def _timed(run: Callable[[], T]) -> tuple[T, float]:
    start = thread_time()
    result = run()
    return result, thread_time() - start
