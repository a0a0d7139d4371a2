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

from micrograd.ops import OPS
from micrograd.tape.tape import Tape
from viz.diagram.diagram import Diagram
from viz.diagram.rows import Rows
from viz.stepping import program
from viz.stepping.javascript import functions
from viz.stepping.notation import Data, Notation, encoded
from viz.stepping.outline import outline_data
from viz.stepping.places import Places
from viz.stepping.stages import Stages

SHARED = ("common.js", "numbers.js", "engine.js", "equations.js", "derivation.js", "reader.js")
PROGRAM = (*SHARED, "picture.js", "fields.js", "sheets.js", "page.js")
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
    "task": "Fill in the blanks. Each gradient is upstream times local; where paths meet, they are "
            "added.",
    "many": "{n} paths; each line adds one product, from the result back:", "path": "path {k}",
    "uses": "{n} paths lead here, by way of {m} uses; each adds upstream times local:",
    "rest": "and {n} more, which come to {sum}", "before": "… computed from {n} equations before:",
    "share": "This is the share of one sample; the gradient of the batch is:",
}  # fmt: skip


OUTLINE = ("numbers.js", "engine.js", "outline.js")
SAID_OF_OUTLINE = {
    "start": "start", "result": "result", "operations": "operations", "none": "outside of modules",
    "hint": "Press → for the next layer; unfold a layer to see its units and operations.",
    "count": "{n} scalar operations", "more": "and {n} more", "found": "{n} found, {m} shown",
}  # fmt: skip
COLUMNS = ("name", "operation", "value", "local derivative", "gradient")


def page(diagram: Diagram, svg: str) -> str:
    """The page as one file, which asks nothing of any network."""
    data = page_data(diagram)
    rows = {r["f"] for r in data["rows"]} | set(data["ops"]) | {"mul", "add"}
    rows |= {name for rule in data["rules"] for name in rule.pop("rows")}
    say, language = diagram.rows.say, diagram.rows.language
    words = {place: say(english) for place, english in FRAME.items()}
    picture = {"svg": _wordless(svg, diagram.drawing.caption)}
    return _assembled("page.html", PROGRAM, data, rows, words, language, picture)


def outline(tape: Tape, names: Mapping[int, str], caption: str, rows: Rows) -> str:
    """The page of a graph that is too large for cards."""
    data = outline_data(tape, names, caption, rows)
    say = rows.say
    data["words"] = {name: say(english, n="{n}", m="{m}") for name, english
                     in SAID_OF_OUTLINE.items()} | {
        "phases": [say("Forward pass"), say("Backward pass")],
        "columns": [say(title) for title in COLUMNS],
    }  # fmt: skip
    words = {place: say(english) for place, english in FRAME.items()}
    words |= {"search": say("search by name"), "change": say("its number")}
    return _assembled("outline.html", OUTLINE, data, set(data["ops"]), words, rows.language, {})


def _assembled(
    frame: str, parts: Sequence[str], data: dict[str, Data], rows: set[str],
    words: Mapping[str, str], language: str, ready: Mapping[str, str],
) -> str:  # fmt: skip
    script = "\n".join([
        '"use strict";', f"const DATA = {embedded(data)};", functions(rows),
        *[compact(asset(name)) for name in parts],
    ])  # fmt: skip
    fields = {
        **{place: html.escape(said, quote=True) for place, said in words.items()}, **ready,
        "tag": TAGS[language], "title": html.escape(data["caption"]),
        "style": asset("page.css"), "script": script,
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
    rates = program.Rates(diagram)
    notation = Notation(rates.number)
    places = Places(diagram.drawing.cards.values(), notation)
    stages = Stages(diagram, places)
    told = stages.data()
    lines, slopes = program.lines_data(reading, notation)
    rules, updates = program.updates_data(diagram, rates)
    ops = program.operations(reading.tape)
    words = {name: say(english) for name, english in SAID.items() if "{" not in english}
    words |= {name: say(english, n="{n}", m="{m}", k="{k}", text="{text}",
                        sum="{sum}")
              for name, english in SAID.items() if "{" in english}  # fmt: skip
    phases = [say("Forward pass"), say("Backward pass"), say("Update rule")]
    return {
        "digits": diagram.rows.digits, "caption": diagram.drawing.caption,
        "words": {**words, "phases": phases},
        "ops": ops, "tape": program.tape_data(reading.tape, ops),
        "decides": program.decides(ops), "decided": bool(program.decides(ops)),
        "rates": [encoded(rate) for rate in rates.all], "rules": rules, "updates": updates,
        "frozen": any(place is None for place, *_ in updates.values()),
        "edit": list(program.editable(diagram, rates)), "names": program.names_data(reading),
        "rules_of": program.equations_data(diagram, notation, say("new")),
        "lines": lines, "slopes": slopes, "bands": places.data(), "grids": places.grids,
        "stages": told, "links": stages.links(), "rows": _rows(notation), "q": notation.quantities,
    }  # fmt: skip


def _rows(notation: Notation) -> list[Data]:
    """The rows in use, and those that products of paths are written with."""
    for name in ("mul", "add"):
        notation.row(OPS[name].name, None)
    return notation.rows


def embedded(data: Data) -> str:
    """Data as JavaScript that no text in it can leave."""
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
