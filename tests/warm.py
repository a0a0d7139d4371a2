"""Mutants in a process that has all tests collected already: only what has changed is new in it."""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path
from types import CodeType, FunctionType

import pytest

MEMORY = 8 << 30  # bytes that the tests of one mutant may take


class Place:
    """A number that a child process leaves for its parent."""

    def __init__(self) -> None:
        self._held = mmap(-1, 8)

    def __call__(self, number: int) -> None:
        self._held[:] = number.to_bytes(8, "little")

    def read(self) -> int:
        """The number that was left."""
        return int.from_bytes(self._held[:], "little")


def in_child(run: Callable[[], int], seconds: float) -> bool:
    """Whether a child process that runs this ends with 0, in time; it and its children are gone."""
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setsid()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(max(1, int(seconds)))
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            code = run()
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return status == 0


# ---- functions that have changed ---------------------------------------------------------------


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def changed(path: Path, old: str, new: str) -> dict[CodeType, CodeType] | None:
    """Code of functions of a module, old and new; None where more than functions has changed.

    Outer functions are new, too: they make the inner ones.
    """
    before, after = (
        [*_codes(compile(text, str(path), "exec", dont_inherit=True))] for text in (old, new)
    )
    if len(before) != len(after):
        return None
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if _itself(a) != _itself(b)]
    if not all(a.co_flags & 2 and a.co_freevars == b.co_freevars for a, b in pairs):
        return None  # a module or a class
    return {a: b for a, b in zip(before, after, strict=True) if a != b and a.co_flags & 2}


def _itself(code: CodeType) -> tuple[object, ...]:
    """What a code object is without those in it."""
    constants = [("code",) if isinstance(c, CodeType) else (type(c), repr(c))
                 for c in code.co_consts]  # fmt: skip
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_flags


def place_of(code: CodeType) -> tuple[object, ...]:
    """Where code stands. Code that has run is not equal to itself, freshly compiled, in 3.11."""
    return code.co_filename, code.co_qualname, code.co_firstlineno, code.co_linetable


def functions(root: Path) -> dict[tuple[object, ...], list[FunctionType]]:
    """All functions there are of the files in a folder, by where their code stands."""
    gc.unfreeze()
    found: dict[tuple[object, ...], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(str(root)):
            found.setdefault(place_of(thing.__code__), []).append(thing)
    gc.collect()
    gc.freeze()
    return found


# ---- tests that are collected ------------------------------------------------------------------


@dataclass
class Warm:
    """A plugin: in place of the tests, `work` with this, which runs some of them in children."""

    root: Path
    work: Callable[[Warm], None]
    unfit: set[str] = field(default_factory=set)  # tests that fail in a child whatever the code

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.session = session
        self.items = {item.nodeid: item for item in session.items}
        self.functions = functions(self.root / "micrograd")
        self.work(self)
        return True

    def fails(self, path: Path, old: str, new: str, nodes: Sequence[str], seconds: float) -> bool:
        """Whether one of these tests fails where the functions of a file are other ones, only."""
        codes = changed(path, old, new)
        left = [node for node in nodes if node in self.items and node not in self.unfit]
        while codes and left:
            failed = self._first_to_fail(codes, left, seconds)
            if failed is None:
                return False
            if self._first_to_fail({}, [failed], seconds) is None:
                return True
            self.unfit.add(failed)
            left.remove(failed)
        return False

    def _first_to_fail(
        self, codes: dict[CodeType, CodeType], nodes: list[str], seconds: float
    ) -> str | None:
        place, items = Place(), [self.items[node] for node in nodes]

        def run() -> int:
            for code, other in codes.items():
                for function in self.functions.get(place_of(code), ()):
                    function.__code__ = other
            for k, (item, following) in enumerate(zip(items, [*items[1:], None], strict=True)):
                place(k)
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.session.testsfailed:
                    return 1
            return 0

        return None if in_child(run, seconds) else nodes[place.read()]


def collected(arguments: Sequence[str], warm: Warm) -> int:
    """Collect tests, and let `warm.work` run some of them."""
    return int(pytest.main([*arguments, "--capture=no"], plugins=[warm]))
