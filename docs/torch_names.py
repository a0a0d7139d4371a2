"""docs/torch.md: what scripts for small networks use of torch, and whether it is here.

`make pictures` writes it anew, by importing both; a test sees that it is today's. How often a name
is used is counted in docs/torch_counts.txt.
"""

from __future__ import annotations

import importlib
import re
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import micrograd
from micrograd import autograd, names, nn
from micrograd.errors import LISTED
from micrograd.nn import functional
from micrograd.nn import module as modules
from micrograd.tensors import methods as tensors

HERE = Path(__file__).parent
PAGE = HERE / "torch.md"
COUNTS = HERE / "torch_counts.txt"
BEGIN, END = "<!-- tables: made by docs/torch_names.py -->", "<!-- end -->"

# Each module of torch's that is listed: ours, and what to use in place of names that are not here.
HOMES: dict[str, tuple[str, dict[str, str]]] = {
    "torch": ("micrograd", names.INSTEAD),
    "torch.nn": ("micrograd.nn", nn.INSTEAD),
    "torch.nn.functional": ("micrograd.nn.functional", functional.INSTEAD),
    "torch.nn.init": ("micrograd.nn.init", {}),
    "torch.nn.utils": ("micrograd.nn.utils", {}),
    "torch.optim": ("micrograd.optim", micrograd.optim.INSTEAD),
    "torch.optim.lr_scheduler": ("micrograd.optim.lr_scheduler", {}),
    "torch.utils.data": ("micrograd.utils.data", {}),
    "torch.autograd": ("micrograd.autograd", autograd.INSTEAD),
    "torch.cuda": ("micrograd.cuda", {}),
}
# A method may be one of an array, of a module or of an optimiser.
OWNERS = (
    (torch.Tensor, micrograd.Tensor, tensors.INSTEAD),
    (torch.nn.Module, nn.Module, modules.INSTEAD),
    (torch.optim.Optimizer, micrograd.optim.Optimizer, {}),
)
ATTRIBUTES = {"weight", "bias", "training", "format", "requires_grad"}  # set by `__init__`


def scripts() -> list[tuple[set[str], set[str]]]:
    """For each script what it uses: names of torch, and methods."""
    lines = [x for x in COUNTS.read_text("utf-8").splitlines() if x and not x.startswith("#")]
    return [tuple(set(part.split()) for part in line.split("|")) for line in lines]  # type: ignore[misc]


def counted() -> tuple[Counter[str], Counter[str]]:
    """How many scripts use each name, with `torch.` before it, and each method."""
    functions: Counter[str] = Counter()
    methods: Counter[str] = Counter()
    for of_torch, of_objects in scripts():
        functions.update(f"torch.{name}" for name in of_torch)
        methods.update(of_objects)
    return functions, methods


def ours(home: str, name: str) -> bool:
    """Whether a name of a module of torch's is here."""
    module = importlib.import_module(HOMES[home][0])
    try:
        getattr(module, name)
    except AttributeError:
        return False
    return True


def theirs(home: str) -> Iterator[str]:
    """The public names of a module of torch's that are no modules."""
    module = importlib.import_module(home)
    for name in sorted(dir(module)):
        if not name.startswith("_") and not isinstance(getattr(module, name), types.ModuleType):
            yield name


def answer(home: str, name: str) -> str:
    """A cell of the table: "here", or what to use."""
    return "here" if ours(home, name) else f"not here: {HOMES[home][1].get(name, LISTED)}"


def method_answer(name: str) -> str:
    """The same for a method."""
    for _, mine, instead in OWNERS:
        if name in ATTRIBUTES or hasattr(mine, name):
            return "here"
        if name in instead:
            return f"not here: {instead[name]}"
    return "not here"


def table(rows: list[tuple[str, str, str]]) -> list[str]:
    """A table in Markdown."""
    lines = ["| torch | scripts | |", "|---|---|---|"]
    return lines + [f"| `{name}` | {count} | {text} |" for name, count, text in rows]


def tables() -> list[str]:
    """The tables of the page, a line each."""
    functions, methods = counted()
    every = [name for names_, methods_ in scripts() for name in (*names_, *methods_)]
    total = len(scripts())
    lines = [
        f"{total} scripts use {len(set(every))} names; the second column says how many use one.",
        "",
    ]
    by_home: dict[str, list[tuple[str, str, str]]] = {home: [] for home in HOMES}
    for full, count in sorted(functions.items(), key=lambda item: (-item[1], item[0])):
        home, _, name = full.rpartition(".")
        by_home[home].append((name, str(count), answer(home, name)))
    for home, rows in by_home.items():
        known = {name for name, _, _ in rows}
        also = [n for n in theirs(home) if n not in known and ours(home, n)]
        rows += [(n, "", f"not here: {text}") for n, text in HOMES[home][1].items()
                 if n not in known and not ours(home, n)]  # fmt: skip
        lines += [f"## {home}", "", *(table(rows) if rows else []), ""]
        if also:
            lines += ["Also here: " + ", ".join(f"`{n}`" for n in also) + ".", ""]
    rows = [
        (name, str(count), method_answer(name))
        for name, count in sorted(methods.items(), key=lambda item: (-item[1], item[0]))
    ]
    known = {name for name, _, _ in rows}
    rows += [(n, "", f"not here: {text}") for _, _, instead in OWNERS for n, text in instead.items()
             if n not in known]  # fmt: skip
    lines += ["## Methods and attributes", "", *table(rows), ""]
    for title, (other, mine, _) in zip(("arrays", "modules", "optimisers"), OWNERS, strict=True):
        shared = [n for n in dir(other) if n[0] != "_" and n not in known and hasattr(mine, n)]
        lines += [f"Of {title} also: " + ", ".join(f"`{n}`" for n in shared) + ".", ""]
    return lines


def page() -> str:
    """The page with today's tables."""
    made = "\n".join([BEGIN, "", *tables(), END])
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(f"{BEGIN}.*{END}", lambda _: made, text, flags=re.DOTALL)


def share_here() -> float:
    """The share of the uses of names in the scripts that are here."""
    functions, methods = counted()
    uses: list[tuple[int, Any]] = []
    for full, count in functions.items():
        home, _, name = full.rpartition(".")
        uses.append((count, ours(home, name)))
    uses += [(count, method_answer(name) == "here") for name, count in methods.items()]
    return sum(n for n, here in uses if here) / sum(n for n, _ in uses)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
