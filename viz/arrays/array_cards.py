"""The layer graph of a compiled function: a card for each array operation that was found in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.compiler.compiled import Compiled
from micrograd.compiler.explain.recovered import (
    BATCH,
    CONSTANT,
    MADE,
    PARAMETER,
    Array,
    Operation,
    Recovered,
    Repeated,
    folded,
)
from micrograd.text.words import word
from viz.arrays.sequence_cards import sequence_layers
from viz.drawing.cards import Band, Card, Matrices, Row
from viz.drawing.drawing import Drawing
from viz.drawing.figure import Figure
from viz.drawing.palette import ARRAY, DATA_FRAME, FORWARD, SCALARS, WEIGHT_FRAME

MOST_ALONE = 8  # operations that have a card each
MOST_IN_A_ROW = 6  # cards from left to right; more go from top to bottom
MOST_COUNTS = 4  # sorts of scalar operation in small print


@dataclass(frozen=True)
class _Block:
    """Operations on one card; `times` says how often they are repeated, if they are."""

    operations: tuple[Operation, ...]
    times: int = 0

    @property
    def one(self) -> bool:
        """Whether it is a single operation, which has a line for each operand."""
        return len(self.operations) == 1 and not self.times


def compiled_layers(function: Compiled[Any], language: str, digits: int) -> Figure:
    """Draw the arrays of the program that ran last, and how many scalar operations each was.

    Of a long program, steps without parameters share a card, and what repeats is drawn once. A
    program that is a sequence has a card for each loop.

    Raises an ArgumentValueError if the function has not been called yet.
    """
    passages = None if function.exact else function.passages()
    if passages is not None:
        lanes = function.ran().unit.lanes
        return sequence_layers(passages, function.report().nodes, lanes, language)
    found = function.recovered()
    blocks = _blocks(found)
    drawing = Drawing("layer_graph", _caption(found, language), language)
    in_a_row = len(blocks) <= MOST_IN_A_ROW
    direction = {"ranksep": "0.9"} if in_a_row else {"rankdir": "TB", "ranksep": "0.4"}
    drawing.graph.attr("graph", **direction)
    card_of: dict[str, str] = {}  # of a result, the card that it is on
    for k, block in enumerate(blocks):
        key = f"op{k}"
        drawing.card(_card(key, block, language))
        card_of |= {op.result.name: key for op in block.operations}
        for array in _read(block):
            source = _source(drawing, card_of, array, found, language, digits)
            row = _port(array) if in_a_row and block.one else ""
            drawing.link(source, key, into=row, straight=array.sort == MADE)
    return drawing.figure()


# ---- which cards there are -----------------------------------------------------------------------


def _blocks(found: Recovered) -> list[_Block]:
    """An operation a card, or in a long program, what lies between two that read parameters."""
    blocks: list[_Block] = []
    alone = len(found.operations) <= MOST_ALONE
    for item in folded(found.operations):
        if isinstance(item, Repeated):
            blocks.append(_Block(item.operations, len(item.operations) // item.period))
            continue
        joins = blocks and not alone and not blocks[-1].times
        if joins and not _trained(item) and not any(map(_trained, blocks[-1].operations)):
            blocks[-1] = _Block((*blocks[-1].operations, item))
        else:
            blocks.append(_Block((item,)))
    return blocks


def _trained(op: Operation) -> bool:
    return any(x.sort == PARAMETER for x in op.operands)


def _read(block: _Block) -> list[Array]:
    """What a block reads and does not make itself, each array once."""
    made = {op.result.name for op in block.operations}
    read = [x for op in block.operations for x in op.operands if x.name not in made]
    return list({_base(x): x for x in read if x.sort != CONSTANT or x.shape}.values())


def _base(x: Array) -> str:
    """The name of the whole of which an array is a part."""
    return x.of[0]


def _port(x: Array) -> str:
    """The name of the place where the wire of an operand ends; any name may be in a label."""
    return "in-" + "".join(c if c.isalnum() and c.isascii() else f"_{ord(c):x}" for c in _base(x))


def _source(
    drawing: Drawing, card_of: dict[str, str], x: Array, found: Recovered, language: str,
    digits: int,
) -> str:  # fmt: skip
    """The card that an array comes from; those of parameters and inputs are drawn when met."""
    name = _base(x)
    if name not in card_of:
        assert x.sort != MADE, "a result that is read before it is made"
        key = f"{x.sort}{sum(key.startswith(x.sort) for key in card_of.values())}"
        card_of[name] = key
        if x.sort == PARAMETER:
            values = Matrices((("", FORWARD, found.values(x)),), digits=digits)
            drawing.card(Card(key, name, _shape(x, language), (values,), WEIGHT_FRAME))
        else:
            whole = _dims("×".join(map(str, x.whole or x.shape)), language)
            subtitle = "  ".join(part for part in (whole, word(x.sort, language)) if part)
            drawing.card(Card(key, name, subtitle, (), DATA_FRAME))
    return card_of[name]


# ---- what stands on them -------------------------------------------------------------------------


def _card(key: str, block: _Block, language: str) -> Card:
    operations = block.operations
    first, last = operations[0].result.name, operations[-1].result.name
    if block.times:
        more = word("{n} times more", language, n=block.times)
        return Card(key, f"{first} … {last}", more, (_scalars(operations, language),))
    if block.one:
        (op,) = operations
        title = f"{op.result.name} = {op.text(shapes=False)}"
        rows = [Row(word(op.kind, language), _dims(op.size, language))]
        rows += [
            Row(x.short, _read_as(x.written, x, language) or "1", west=_port(x))
            for x in _read(block)
        ]
        parts = (Band(ARRAY, tuple(rows)), _scalars(operations, language))
        return Card(key, title, _shape(op.result, language), parts)
    rows = [_line(op, language) for op in operations]
    parts = (Band(ARRAY, tuple(rows)), _scalars(operations, language))
    return Card(key, f"{first} … {last}", "", parts)


def _line(op: Operation, language: str) -> Row:
    kind = f"{word(op.kind, language)} {_dims(op.size, language)}"
    text = f"{op.result.name} = {op.text(shapes=False)}"
    return Row(text, _shape(op.result, language), detail=((kind, ARRAY.text),))


def _scalars(operations: Sequence[Operation], language: str) -> Band:
    """How many scalar operations became these arrays, and of which sorts they were."""
    counts: Counter[str] = Counter()
    for op in operations:
        counts.update(dict(op.counts))
    sorts = [f"{n:,} {name.split('_')[0]}" for name, n in counts.most_common(MOST_COUNTS)]
    sorts += ["…"] * (len(counts) > MOST_COUNTS)
    detail = ((", ".join(sorts), SCALARS.text),)
    n = sum(counts.values())
    said = word(_plural("{n} scalar operations", n), language, n=f"{n:,}")
    if not n:
        said = word("indexing of a list", language)
    row = Row(said, f"→ {_arrays(operations, language)}", detail=detail)
    return Band(SCALARS, (row,))


def _arrays(operations: Sequence[Operation], language: str) -> str:
    if len(operations) > 1:
        return word("{n} arrays", language, n=len(operations))
    result = operations[0].result
    shape = _shape(result, language)
    if len(result.shape) == 1:
        shape = f"({shape})"
    return f"{word('one array', language)} {shape}" if shape else word("one number", language)


def _shape(x: Array, language: str) -> str:
    return _read_as(x.shape, x, language)


def _read_as(shape: Sequence[int | str], x: Array, language: str) -> str:
    """A shape, and how the array is read if that is not step by step."""
    dims = _dims("×".join(map(str, shape)), language)
    return " ".join(part for part in (dims, x.form and word(x.form, language)) if part)


def _dims(size: str, language: str) -> str:
    return size.replace(BATCH, word(BATCH, language))


def _plural(phrase: str, n: int) -> str:
    return phrase.replace("operations", "operation") if n == 1 else phrase


def _caption(found: Recovered, language: str) -> str:
    said, fields = _plural("{n} scalar operations", found.scalars), {"n": f"{found.scalars:,}"}
    if found.lanes:
        said += " for each of {lanes} samples"
        fields["lanes"] = f"{found.lanes:,}"
    n = len(found.operations)
    arrays = word(_plural("{n} array operations", n), language, n=n)
    return f"{word(said, language, **fields)} → {arrays}"
