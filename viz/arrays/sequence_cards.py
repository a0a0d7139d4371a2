"""The layer graph of a compiled function that is a sequence: a card for each loop, in order."""

from __future__ import annotations

from micrograd.compiler.explain.sequence import Passage
from micrograd.text.words import word
from viz.drawing.cards import Band, Card, Row
from viz.drawing.drawing import Drawing
from viz.drawing.figure import Figure
from viz.drawing.palette import FORWARD, GRADIENT

MOST_CARDS = 24
MOST_LINES = 16  # of a card


def sequence_layers(passages: list[Passage], operations: int, lanes: int, language: str) -> Figure:
    """Draw loops one below the other, those of the way back after those of the program.

    Of a batch, `lanes` is how many samples there are.
    """
    loops = sum(len(passage.turns) for passage in passages)
    each = "{n} scalar operations" + " for each of {lanes} samples" * (lanes > 0)
    said = [word(each, language, n=f"{operations:,}", lanes=f"{lanes:,}"),
            word("{n} loops", language, n=f"{loops:,}")]  # fmt: skip
    drawing = Drawing("layer_graph", " → ".join(said), language)
    drawing.graph.attr("graph", rankdir="TB", ranksep="0.4")
    shown = passages[:MOST_CARDS]
    for k, passage in enumerate(shown):
        drawing.card(_card(f"loop{k}", passage, language))
    if len(shown) < len(passages):
        more = sum(len(passage.turns) for passage in passages[MOST_CARDS:])
        drawing.card(Card(f"loop{len(shown)}", word("{n} more loops", language, n=more), "", ()))
    for k in range(1, len(shown) + (len(shown) < len(passages))):
        drawing.link(f"loop{k - 1}", f"loop{k}", straight=True)
    return drawing.figure()


def _card(key: str, passage: Passage, language: str) -> Card:
    times = len(passage.turns)
    more = word("{n} times more", language, n=times - 1) if times > 1 else ""
    rows = _rows(passage, language)
    if passage.sums:
        rows = (*rows, Row(word("{n} sums", language, n=passage.sums), ""))
    bands = (Band(GRADIENT if passage.back else FORWARD, rows),) if rows else ()
    return Card(key, _head(passage, language), more, bands)


def _head(passage: Passage, language: str) -> str:
    phrase = "back, for {n} steps" if passage.back else "for {n} steps"
    return word(phrase, language, n=passage.count.replace(" to ", "–"))


def _rows(passage: Passage, language: str) -> tuple[Row, ...]:
    rows = [Row(line, "") for line in passage.lines[:MOST_LINES]]
    for inner in passage.inner:
        rows.append(Row(_head(inner, language), ""))
        rows += [Row(f"    {row.name}", "") for row in _rows(inner, language)]
    left = passage.left + len(passage.lines[MOST_LINES:])
    if left:
        rows.append(Row(word("{n} more", language, n=left), ""))
    return tuple(rows)
