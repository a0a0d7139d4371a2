"""The page on compiling: its blocks run, and what it says of each function is so."""

from __future__ import annotations

import copy
import linecache
import random
import re
from pathlib import Path
from typing import Any

import pytest
from checks_of_compiled import assert_near

import micrograd
from micrograd.compiler.trace.numbers.advice import INSTEAD, PAGE

ROOT = Path(micrograd.__file__).parents[1]
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)
CALLS: dict[str, Any] = {
    "mode_by_name": lambda r: ([r.gauss(0.5, 1) for _ in range(9)],),
    "mode_by_number": lambda r: ([r.gauss(0.5, 1) for _ in range(9)],),
    "mean_of_positive": lambda r: ([r.gauss(0, 1) for _ in range(40)],),
    "median_of_positive": lambda r: ([r.gauss(0, 1) for _ in range(9)],),
    "two_largest_positive": lambda r: ([r.gauss(0, 1) for _ in range(9)],),
    "by_key": lambda r: (r.gauss(0, 1),),
    "by_length": lambda r: (r.gauss(0, 1), float(r.randrange(9))),
    "with_running_mean": lambda r: (r.gauss(0, 1),),
    "with_state": lambda r: (r.gauss(0, 1), r.gauss(0, 1)),
    "emptied": lambda r: ([r.gauss(0, 1) for _ in range(5)],),
    "emptied_copy": lambda r: ([r.gauss(0, 1) for _ in range(5)],),
    "printed": lambda r: (r.gauss(0, 1),),
    "returned": lambda r: (r.gauss(0, 1),),
    "noisy": lambda r: (r.gauss(0, 1),),
    "with_noise": lambda r: (r.gauss(0, 1), r.gauss(0, 0.1)),
    "by_rounding": lambda r: (r.gauss(0, 5),),
    "by_argument": lambda r: (r.gauss(0, 5), r.randrange(9)),
    "of_ragged": lambda r: (r.randrange(3),),
}


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page's blocks make, one after the other in one place."""
    path, source = "docs/compiling_blocks.py", "".join(BLOCKS)
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(source, path, "exec"), names)  # as a reader would run it
    return names


def test_the_blocks_run(page: dict[str, Any]) -> None:
    assert all(0 < x < 3 for x in page["losses"])
    assert set(CALLS) == set(re.findall(r"^def (\w+)", "".join(BLOCKS), re.M)) - {"loss"}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_refused_and_what_compiles(name: str, page: dict[str, Any]) -> None:
    line = re.search(rf"def {name}\(.*", TEXT)
    assert line is not None
    refused = "# refused" in line[0]
    f = micrograd.compile(page[name], backend="numpy")
    r = random.Random(1)

    def calls() -> None:
        for _ in range(60 if refused else 12):
            arguments = CALLS[name](r)
            before = dict(page["running"])
            expected = page[name](*copy.deepcopy(arguments))
            page["running"].update(before)
            loss = f(*arguments)
            both = isinstance(expected, tuple)
            assert_near(loss[0] if both else loss, (expected[0] if both else expected).data)

    if not refused:
        calls()
        return
    with pytest.raises(micrograd.CompileError, match="\n  instead: ") as caught:
        calls()
    assert f"see {PAGE}" in str(caught.value)


def test_every_section_that_is_named_is_there() -> None:
    sections = set(re.findall(r"^## (.*)", TEXT, re.M))
    assert {section for *_, section in INSTEAD} <= sections
