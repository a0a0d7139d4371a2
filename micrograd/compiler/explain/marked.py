"""The text that runs, with each kernel marked by its line of the explanation."""

from __future__ import annotations

import re

from micrograd.compiler.backends import MARK
from micrograd.compiler.explain.report import described, update_of
from micrograd.compiler.nest.ir import Program
from micrograd.compiler.running.runner import Runner

LINE = re.compile(rf"^( *[;#]) {MARK} (\d+)$", re.M)


def marked_source(runner: Runner, mode: str) -> str:
    """What runs in a mode: the text of a program and, for a step, that of the update after it."""
    text = _marked(runner.executable.source, runner.program, 0)
    if update_of(runner, mode) is None:
        return text
    assert runner.stepping is not None
    assert runner.stepping.executable is not None
    update = runner.stepping.unit.program
    source = _marked(runner.stepping.executable.source, update, len(runner.program.nests))
    return f"{text}\n{source}"


def _marked(source: str, program: Program, before: int) -> str:
    """The text with a line of words at each mark; so many kernels come before its first."""
    texts = described(program)
    return LINE.sub(
        lambda found: f"{found[1]} {before + int(found[2])}  {texts[int(found[2]) - 1]}", source
    )
