"""The page of one diagram: the picture, its data, and the program that steps through it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from micrograd.ops import OPS
from viz.diagram.diagram import Diagram
from viz.diagram.rows import Rows
from viz.stepping import program
from viz.stepping.groups import Unfolding, groups_data
from viz.stepping.javascript import functions
from viz.stepping.notation import Data, Notation, encoded
from viz.stepping.places import Places
from viz.stepping.stages import Stages

SHARED = (
    "common.js", "numbers.js", "engine.js", "equations.js", "derivation.js", "reader.js",
    "player.js", "fields.js", "operations.js",
)  # fmt: skip
PROGRAM = (*SHARED, "picture.js", "sheets.js", "page.js")
FRAGMENTS = ("player", "derivation")  # of both pages
TAGS = {"en": "en", "zh": "zh-CN"}

# Words of the page's frame, by their place in it.
FRAME = {
    "first": "to the start", "back": "one step back", "play": "play", "next": "one step on",
    "last": "to the end", "step": "step", "picture": "picture of the graph; scroll or drag to move",
    "blank": "blank the rest", "speed": "speed", "slow": "slow", "medium": "medium",
    "fast": "fast", "out": "smaller", "in": "larger", "fit": "fit",
    "sheet": "print a worksheet with its solution", "slides": "print slides",
    "how": "How a number came about",
    "click": "Click any number in the picture, or choose one here.", "which": "number",
    "copy_latex": "copy as LaTeX", "copy_markdown": "copy as Markdown", "copy_text": "copy as text",
    "operations": "operations", "title_click": "Click a card's title, or choose one here.",
    "close": "close", "change": "Change the numbers",
    "live": "Everything on this page is computed again; nan and inf are numbers, too.",
    "reset": "as recorded",
}  # fmt: skip
# Words that the program says.
SAID = {
    "start": "start", "play": "play", "pause": "pause", "copied": "copied",
    "hint": "Press → or space. The forward pass computes the result, the backward pass each "
            "gradient, and the update each new parameter.",
    "copyhand": "Copy from here:",
    "wrong": "{text} is no number; write one such as 0.5, -2, 1e-3, nan or inf.",
    "branch": "With these numbers the program takes another branch: numbers are right, formulas "
              "are those of the recorded run.",
    "frozen": "This optimizer looks at its numbers, so updates are not computed again here.",
    "worksheet": "Worksheet", "solution": "Solution",
    "direct": "direct",
    "task": "Fill in the blanks. Each gradient is upstream times local; where paths meet, they are "
            "added.",
    "many": "{n} paths; each line adds one product, from the result back:", "path": "path {k}",
    "uses": "{n} paths, by way of the {m} uses of {name}; each adds upstream times local:",
    "rest": "and {n} more, which come to {sum}", "before": "… computed from {n} equations before:",
    "more": "and {n} more",
    "share": "This is the share of one sample; the gradient of the batch is:",
}  # fmt: skip


UNFOLDING = (*SHARED, "cards.js", "wires.js", "unfolding.js")
SAID_THERE = {
    "hint": "Press → for the next layer. Click a layer to see its neurons, a neuron to see its "
            "operations, a number to see how it came about.",
    "given": "inputs and targets", "count": "{n} scalar operations", "one": "one scalar operation",
    "found": "{n} found, {m} shown", "range": "{a} … {b}",
    "results": "{n} results", "numbers": "{n} numbers", "its": "its number",
    "sum": "a sum of {n} products: click the gradient to see them", "rate": "learning rate",
    "updated": "{n} parameters are updated, each by its own gradient; one of them:",
}  # fmt: skip
COLUMNS = ("name", "operation", "value", "local derivative", "gradient", "new value")
HOLES = {name: f"{{{name}}}" for name in ("n", "m", "k", "a", "b", "name", "text", "sum")}


def page(diagram: Diagram, svg: str) -> str:
    """The page as one file, which asks nothing of any network."""
    data = page_data(diagram)
    rows = {r["f"] for r in data["rows"]} | set(data["ops"]) | {"mul", "add"}
    rows |= {name for rule in data["rules"] for name in rule.pop("rows")}
    say, language = diagram.rows.say, diagram.rows.language
    words = {place: say(english) for place, english in FRAME.items()}
    picture = {"svg": _wordless(svg, diagram.drawing.caption)}
    return _assembled("page.html", PROGRAM, data, rows, words, language, picture)


def unfolding(graph: Unfolding, rows: Rows) -> str:
    """The page of a graph that is too large for a diagram of cards."""
    data = groups_data(graph, rows)
    needed = {r["f"] for r in data["rows"]} | set(data["ops"]) | {"mul", "add"}
    needed |= {name for rule in data["rules"] for name in rule.pop("rows")}
    data["words"] = _said({**SAID, **SAID_THERE}, rows)
    words = {place: rows.say(english) for place, english in FRAME.items()}
    words |= {"search": rows.say("search by name")}
    return _assembled("unfolding.html", UNFOLDING, data, needed, words, rows.language, {})


def _said(words: Mapping[str, str], rows: Rows) -> dict[str, Any]:
    """Words that the program says, with what it fills in left open."""
    phases = [rows.say(name) for name in ("Forward pass", "Backward pass", "Update rule")]
    return {name: rows.say(english, **HOLES) for name, english in words.items()} | {
        "phases": phases, "columns": [rows.say(title) for title in COLUMNS],
    }  # fmt: skip


def _assembled(
    frame: str, parts: Sequence[str], data: dict[str, Data], rows: set[str],
    words: Mapping[str, str], language: str, ready: Mapping[str, str],
) -> str:  # fmt: skip
    script = "\n".join([
        '"use strict";', 'const DATA = JSON.parse(document.getElementById("ui-data").textContent);',
        functions(rows),
        *[compact(asset(name)) for name in parts],
    ])  # fmt: skip
    fields = {
        **{place: html.escape(said, quote=True) for place, said in words.items()}, **ready,
        "tag": TAGS[language], "title": html.escape(data["caption"]),
        "style": asset("page.css"), "script": script, "data": embedded(data),
        "hash": base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode(),
    }  # fmt: skip
    text = asset(frame)
    for name in FRAGMENTS:
        text = text.replace(f"{{{name}}}", asset(f"{name}.html"))
    return re.sub(r"\{(\w+)\}", lambda m: fields.get(m[1], m[0]), text)


def _wordless(svg: str, title: str) -> str:
    """The picture without what it says of all its numbers: the page says them when it is time."""
    svg = re.sub(r"<title[^>]*>.*?</title>|<desc[^>]*>.*?</desc>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' aria-labelledby="[^"]*"', f' aria-label="{html.escape(title)}"', svg, count=1)
    return re.sub(r"\n{2,}", "\n", svg)


def page_data(diagram: Diagram) -> dict[str, Data]:
    """All that the program of the page reads."""
    reading, say = diagram.reading, diagram.rows.say
    scalars = reading.scalars if diagram.trained else {}
    rates = program.Rates(scalars)
    notation = Notation(rates.number)
    places = Places(diagram.drawing.cards.values(), notation)
    stages = Stages(diagram, places)
    told = stages.data()
    lines, slopes = program.lines_data(reading, notation)
    rules, updates = program.updates_data(scalars, rates)
    ops = program.operations(reading.tape)
    return {
        "digits": diagram.rows.digits, "caption": diagram.drawing.caption,
        "words": _said(SAID, diagram.rows),
        "ops": ops, "tape": program.tape_data(reading.tape, ops),
        "kinds": program.kinds(reading.tape, ops, notation),
        "decides": program.decides(ops), "decided": bool(program.decides(ops)),
        "rates": [encoded(rate) for rate in rates.all], "rules": rules, "updates": updates,
        "frozen": any(place is None for place, *_ in updates.values()),
        "edit": list(program.editable(diagram, rates)), "names": program.names_data(reading),
        "rules_of": program.all_equations(diagram, notation, say("new")),
        "direct": sorted(reading.root.lines[-1].direct), "lines": lines, "slopes": slopes,
        "bands": places.data(), "grids": places.grids,
        "stages": told, "links": stages.links(), "rows": _rows(notation), "q": notation.quantities,
    }  # fmt: skip


def _rows(notation: Notation) -> list[Data]:
    """The rows in use, and those that products of paths are written with."""
    for name in ("mul", "add"):
        notation.row(OPS[name].name, None)
    return notation.rows


def embedded(data: Data) -> str:
    """Data as JSON that no text in it can leave."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def asset(name: str) -> str:
    """A file that comes with this package."""
    return files("viz.stepping").joinpath("assets", name).read_text("utf-8")


def compact(script: str) -> str:
    """A script without comments of whole lines and without indents."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))
