"""Interruptions at every line: where a run comes along, and what it leaves when it is stopped."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import micrograd

PACKAGE = Path(micrograd.__file__).parent

Line = tuple[str, int]
Position = tuple[Line, int]  # a line, and the how manieth time it is reached


def positions(run: Callable[[], object], *modules: str) -> list[Position]:
    """Where a run comes along in these modules: the first and the last time at each line."""
    times: Counter[Line] = Counter()

    def seen(line: Line) -> None:
        times[line] += 1

    with _lines(seen, modules):
        run()
    return [(line, n) for line, count in times.items() for n in sorted({1, count})]


def interrupted_at(run: Callable[[], object], position: Position) -> bool:
    """Run until a KeyboardInterrupt before that line; False if it came from nowhere."""
    line, n = position
    left = n

    def seen(here: Line) -> None:
        nonlocal left
        if here == line:
            left -= 1
            if not left:
                raise KeyboardInterrupt

    try:
        with _lines(seen, (line[0],)):
            run()
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _lines(seen: Callable[[Line], None], modules: tuple[str, ...]) -> Iterator[None]:
    root = {True: PACKAGE.parent, False: PACKAGE}
    paths = {f"{root[name.startswith('viz/')]}/{name}.py": name for name in modules}
    missing = [path for path in paths if not Path(path).exists()]
    assert not missing, f"there are no such modules: {missing}"

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen((paths[frame.f_code.co_filename], frame.f_lineno))
        return local

    def called(frame: FrameType, *_: Any) -> Any:
        return local if frame.f_code.co_filename in paths else None

    before = sys.gettrace()
    sys.settrace(called)
    try:
        yield
    finally:
        sys.settrace(before)
