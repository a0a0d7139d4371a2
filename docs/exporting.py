"""The table of docs/exporting.md: what each target makes of each kind of program.

`python docs/exporting.py` writes it anew; a test compares it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "exporting"), str(ROOT / "tests" / "compiler")]

from golden_programs import article, ratings, workload  # noqa: E402
from programs_to_compile import WORKLOADS  # noqa: E402
from recurrences import recurrence  # noqa: E402
from strangers import networks, physics, plain, sequences, statistics_  # noqa: E402

import micrograd  # noqa: E402

PAGE = ROOT / "docs" / "exporting.md"
START, END = "<!-- table: made by docs/exporting.py -->\n", "<!-- end -->"
TARGETS = ("numpy", "jax", "torch", "c", "onnx")
MODULES = (statistics_, physics, networks, sequences, plain)
STRANGERS = {f.__name__: (f, given, m.P) for m in MODULES for f, given in m.PROGRAMS}
Made = tuple[Any, tuple[Any, ...]]


def stranger(name: str) -> Callable[[], Made]:
    """One of the ordinary programs that the compiler is tested with."""

    def make() -> Made:
        fn, given, parameters = STRANGERS[name]
        return micrograd.compile(fn, parameters=parameters), given(random.Random(11))

    return make


def recurrent(name: str) -> Callable[[], Made]:
    """One of the recurrences that exports are tested with."""

    def make() -> Made:
        loss, inputs = recurrence(name)
        return micrograd.compile(loss), inputs

    return make


KINDS: dict[str, Callable[[], Made]] = {
    "a network on samples": workload(article),
    "a convolution": workload(WORKLOADS["convolution"]),
    "integers that choose rows": ratings,
    "a transformer": workload(WORKLOADS["GPT, 8 tokens"]),
    "a filter of numbers (Kalman)": recurrent("kalman"),
    "a recurrent network": recurrent("recurrent"),
    "an LSTM of two layers": recurrent("LSTM, two layers"),
    "a simulation (heat)": recurrent("heat"),
    "a loop that numbers end": stranger("newton_root"),
}


def found(make: Callable[[], Made], to: str) -> str:
    """What is written of a program, in a few words."""
    f, inputs = make()
    try:
        source = micrograd.export(f, *inputs, to=to).source
    except micrograd.CompileError:
        return "refused"
    if to == "onnx":
        return "written"
    loop = "lax.scan" in source or "for t in " in source
    said = ["a loop" if loop else "", "any n" if "for n samples" in source else ""]
    return ", ".join(part for part in said if part) or "written"


def table() -> str:
    """The table as Markdown."""
    rows = ["| | " + " | ".join(TARGETS) + " |", "|---" * (1 + len(TARGETS)) + "|"]
    for kind, make in KINDS.items():
        rows.append(f"| {kind} | " + " | ".join(found(make, to) for to in TARGETS) + " |")
    return "\n".join(rows) + "\n"


def written(text: str) -> str:
    """The page with the table of now."""
    head, rest = text.split(START)
    return f"{head}{START}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
