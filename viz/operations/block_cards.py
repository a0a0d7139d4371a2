"""The card of a block: what many operations came to, and which operations they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile

import numpy as np

from micrograd.steps.step import Floats
from micrograd.tape.tape import Node, Tape
from viz.diagram.rows import Rows
from viz.drawing.cards import Band, Card, Matrices, Row
from viz.drawing.palette import (
    DATA_FRAME,
    FORWARD,
    GRADIENT,
    SCALARS,
    WEIGHT_FRAME,
    Role,
)
from viz.operations.folding import Block

MOST_RESULTS = 6  # that are shown one by one
MOST_SORTS = 5  # of operations that have a line each


def block_card(
    key: str,
    block: Block,
    tape: Tape,
    names: Mapping[int, str],
    parameters: set[int],
    exits: set[int],
    rows: Rows,
) -> Card:
    """A card that says how many operations are behind it, of what, and what they came to.

    `exits` are the nodes that are used outside of their block.
    """
    operations = [i for i in block.nodes if tape.nodes[i].inputs]
    if not operations:
        return _leaves(key, block, tape, names, parameters, rows)
    results = [i for i in operations if i in exits]
    count = len(operations) // block.times if block.times > 1 else len(operations)
    said = _operations(count, rows)
    subtitle = f"{said} × {block.times:,}" if block.times > 1 else said
    title = block.title
    if not title:
        named = [names[i] for i in results if i in names]
        times = f"× {block.times:,}" if block.times > 1 else "…"
        title = _stem(named) if named and len(named) == len(results) else times
    if block.behind:
        subtitle = f"{rows.say('behind')}: {subtitle}"
    parts = (*_numbers(results, tape, rows), _sorts(block, tape, parameters, rows))
    return Card(key, title, subtitle, parts)


def _operations(n: int, rows: Rows) -> str:
    phrase = "{n} scalar operation" if n == 1 else "{n} scalar operations"
    return rows.say(phrase, n=f"{n:,}")


def _leaves(
    key: str,
    block: Block,
    tape: Tape,
    names: Mapping[int, str],
    parameters: set[int],
    rows: Rows,
) -> Card:
    named = [names[i] for i in block.nodes if i in names]
    title = _stem(named) or rows.say("constants")
    trained = set(block.nodes) <= parameters
    subtitle = rows.say("{n} values", n=f"{len(block.nodes):,}")
    frame = WEIGHT_FRAME if trained else DATA_FRAME
    return Card(key, title, subtitle, _numbers(block.nodes, tape, rows), frame)


def _stem(names: Sequence[str]) -> str:
    """What names have in common, without the start of an index; the first and how many else.

    >>> _stem(["w[0]", "w[1]"]), _stem(["x0", "x1"]), _stem(["a", "b"])
    ('w', 'x', 'a, b')
    """
    if len(names) < 2:
        return "".join(names)
    columns = zip(*names, strict=False)
    same = takewhile(lambda column: len(set(column)) == 1, columns)
    common = "".join(column[0] for column in same).rstrip("0123456789").rstrip("[._ ,")
    if common:
        return common
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _numbers(nodes: Sequence[int], tape: Tape, rows: Rows) -> tuple[Band | Matrices, ...]:
    """Values and gradients of some nodes; of many, from where to where they go."""
    values = np.array([tape.nodes[i].value for i in nodes])
    gradients = [tape.nodes[i].gradient for i in nodes]
    slopes = np.ma.masked_array([g or 0.0 for g in gradients], mask=[g is None for g in gradients])
    if len(nodes) <= MOST_RESULTS:
        columns = (("", FORWARD, values), ("", GRADIENT, slopes))
        return (Matrices(columns, digits=rows.digits),)
    return (_range(FORWARD, values, rows), _range(GRADIENT, slopes, rows))


def _range(role: Role, values: Floats, shown: Rows) -> Band:
    finite = np.ma.compressed(np.ma.masked_invalid(values))
    ends = (finite.min(), finite.max()) if finite.size else (None, None)
    rows = zip(("min", "max"), ends, strict=True)
    return Band(role, tuple(Row(name, shown.number(x)) for name, x in rows))


def _sorts(block: Block, tape: Tape, parameters: set[int], shown: Rows) -> Band:
    """How many operations of which sort, and how many values that were given."""
    nodes = [tape.nodes[i] for i in block.nodes]
    counts = Counter(_sort(node) for node in nodes if node.inputs)
    rows = [Row(name, f"{n:,}") for name, n in counts.most_common(MOST_SORTS)]
    rest = sum(counts.values()) - sum(n for _, n in counts.most_common(MOST_SORTS))
    rows += [Row(shown.say("others"), f"{rest:,}")] if rest else []
    leaves = [i for i in block.nodes if not tape.nodes[i].inputs]
    trained = sum(i in parameters for i in leaves)
    for name, n in (("parameters", trained), ("inputs, constants", len(leaves) - trained)):
        rows += [Row(shown.say(name), f"{n:,}")] if n else []
    return Band(SCALARS, tuple(rows))


def _sort(node: Node) -> str:
    """An operation as it is written, such as `a × b`."""
    return node.text([chr(ord("a") + k % 26) for k in range(len(node.inputs))])
