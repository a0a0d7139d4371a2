"""The equations of a picture, and what its names stand for, from what `printed` reads."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

import numpy as np
from calculator import Approx
from formula_parser import NUMBER, EmptyOperandError, FormulaError, Tree, parse
from printed import Card, Line, Printed

SHAPE = re.compile(r"\d+(?:×\d+)+|\d+")
SIGNED = re.compile(rf"\(?\s*[-−]?\s*{NUMBER}\s*\)?")
# A sum of products of a column of weights and one of inputs
PRODUCTS = re.compile(r"([^\s·]+)·([^\s·]+)")
GENERIC = re.compile(r"Σ (\S+) × (\S+)")
# A name with its shape behind it
ANNOTATED = re.compile(r"([^\s()·]+?(?:\[[^\]]*\])?ᵀ?) \((\d+(?:×\d+)*)\)")
# The name of a derivative
DERIVATIVE = re.compile(r"∂[\w\[\],.]+/∂[\w\[\],.]+")
# Words that say something with numbers but are no equations
NOTES = [
    re.compile(text)
    for text in (
        r"(sum|Σ) over \d+ (samples|uses)|Σ：\d+ .*",
        r"mean of \d+",
        r"\d+ (samples?|terms|weights|neurons|layers|more|operations?|parameters?|steps?)",
        r"sample \d+ of \d+",
        r"step \d+( of \d+)?",
        r"rounded to \d+ decimals",
        r".*(保留|舍入|四舍五入).*\d+.*",
        r"the \d+ nearest of \d+ nodes",
        r"× ?\d+",
        r"\d+(\[\d+\])+|\d+(\.\w+)*",  # the path of a module
        r"→ .*",
        r"\d+ scalar operations? × \d+",
        r"\d+ (scalar|array) operations?( for each of \d+ samples)?",
        r"\d+ scalar operations?\s*→ .*",
        r"\d+ (add|sub|mul|div|neg|pow|less|select|relu|exp|log|tanh|max|abs|sqrt|\w+)",
        r"[^\d=+×·√Σ^²³]*",  # words
        r"(?:[^\W\d][^\s=+×·√Σ^²³()]*,? ?)+(?:\[\d+\])?",  # words and names
        r"\d+ (个|项).*",
        r"第 \d+ .*",
    )
]


@dataclass(frozen=True)
class Finding:
    kind: str
    card: str
    line: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} [{self.card}] {self.line}" + (
            f"  -- {self.detail}" if self.detail else ""
        )


@dataclass
class Equation:
    """A printed result, and the formulas that are said to come to it."""

    card: str
    line: str
    names: list[str]
    formulas: list[str] = field(default_factory=list)
    result: list[list[str]] = field(default_factory=list)
    role: str = ""
    strict: bool = False  # its operands are printed with the digits that it needs

    @property
    def shape(self) -> tuple[int, ...]:
        rows = len(self.result), len(self.result[0])
        return () if rows == (1, 1) else rows


class Reader:
    """A picture's equations in order, the numbers that its names have, and the shapes."""

    def __init__(self, svg: str, constants: dict[str, float] | None = None) -> None:
        self.picture = Printed(svg)
        self.constants = constants or {}
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.equations: list[Equation] = []
        self.unnumbered: list[Equation] = []
        self.stated: list[tuple[str, str, str]] = []
        self.known: dict[str, dict[str, list[Approx]]] = {key: {} for key in self.picture.cards}
        self.known["caption"] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.tables: dict[str, dict[str, list[list[str]]]] = {}
        for card in self.picture.cards.values():
            self._read_card(card)
        for line in self.picture.captions:
            for piece in line.pieces:
                self._read_words("caption", piece.text.strip(), piece.text.strip())

    def report(self, kind: str, card: str, line: str, detail: object = "") -> None:
        self.findings.append(Finding(kind, card, line, str(detail)))

    def _read_card(self, card: Card) -> None:
        titles = {
            i: self._title(card, line)
            for i, line in enumerate(card.heading)
            if i == 0 or (line.bold_words and not line.text.startswith("= "))
        }
        below = {
            i: split(line.text[1:], "=")
            for i, line in enumerate(card.heading)
            if line.text.startswith("= ") and i
        }
        labels = {card.label(band)[0] for band, _ in card.matrices()}
        for i, line in enumerate(card.heading):
            for piece in line.pieces if i not in titles and i not in below else ():
                if piece.text.strip() not in labels:
                    self._read_words(card.key, piece.text.strip(), str(line))
        numbered = set()
        for band, lines in card.matrices():
            role = card.role(band)
            label, at = card.label(band)
            name, formula = titles.get(at, ("", ""))
            cells = [line.cells for line in lines]
            if role == "fwd" and at not in numbered:
                numbered.add(at)
                self.define(card.key, name or formula, cells)
                if formula:
                    small = [f for i, fs in below.items() if _title_of(i, titles) == at for f in fs]
                    line = " | = ".join([formula, *small])
                    self.equations.append(
                        Equation(card.key, line, [name], [formula, *small], cells)
                    )
            elif label:
                self._labelled(card, label, cells, name)
            elif role in ("bwd", "upd"):
                self.define(card.key, f"{'∂L/∂' if role == 'bwd' else 'new '}{name}", cells)
        for i, (name, formula) in titles.items():
            if formula and i not in numbered:
                self.unnumbered.append(Equation(card.key, f"{name} = {formula}", [name], [formula]))
        self._read_table(card)
        for band, lines in card.bands.items():
            if not is_column(band, lines):
                self._read_band(card, band, lines, titles.get(0, ("", ""))[0])

    def _labelled(self, card: Card, label: str, cells: list[list[str]], name: str) -> None:
        """An array under a label that can be a formula."""
        called, *formulas = split(label, "=")
        formulas = [f for f in formulas if not any(note.fullmatch(f) for note in NOTES)]
        flat = () if len(cells) == len(cells[0]) == 1 else (len(cells), len(cells[0]))
        for known in (called, *(f for f in formulas if DERIVATIVE.fullmatch(f))):
            self.define(card.key, known, cells, self.shapes.get(name, flat))
        if formulas:
            self.equations.append(Equation(card.key, label, [called], formulas, cells))

    def _title(self, card: Card, line: Line) -> tuple[str, str]:
        """The name that a card, or a part of it, is headed by, and the formula beside it."""
        name = formula = ""
        shape: tuple[int, ...] | None = None
        for i, chunk in enumerate(line.chunks):
            if SHAPE.fullmatch(chunk) and i:
                shape = tuple(map(int, chunk.split("×")))
            elif chunk.startswith("= "):
                formula = self._stripped(card, chunk[2:])
            elif " = " in chunk:
                name, formula = (self._stripped(card, x.strip()) for x in chunk.split(" = ", 1))
            elif i == 0 and (
                line.bold_words or not card.matrices() or re.fullmatch(r"[^\s(…²³⁻]+", chunk)
            ):
                name = self._stripped(card, chunk)
            elif i == 0:
                formula = chunk  # an operation without a name
            else:
                self._read_words(card.key, chunk, str(line))
        if name and shape is not None:
            self.shapes[name] = shape
        return name, formula

    def _stripped(self, card: Card, text: str) -> str:
        """A formula without the shapes that stand behind its names; the first to say one counts."""
        for name, shape in ANNOTATED.findall(text):
            self.stated.append((card.key, name, shape))
            self.shapes.setdefault(name.rstrip("ᵀ"), _turned(name, shape))
        text = ANNOTATED.sub(r"\1", text)
        return re.sub(r"\[[^\]]*\]", lambda m: m[0].replace(" ", ""), text)

    def _read_table(self, card: Card) -> None:
        """Columns with a heading each; the first has a label before each number."""
        columns = [(band, lines) for band, lines in card.bands.items() if is_column(band, lines)]
        if not columns:
            return
        height = {len(lines) for _, lines in columns}
        if len(height) != 1:
            self.report("unparsed", card.key, str(columns[0][1][0]), "columns of several lengths")
            return
        for _, (heading, *lines) in columns:
            called = split(heading.text, "=")
            called += ["W"] if called[0] in ("weights", "权重") else []
            for name in called:
                self.define(card.key, name, [line.cells for line in lines], (len(lines),))
                self.tables.setdefault(card.key, {})[name] = [line.cells for line in lines]
        labelled = columns[0][1][1:]
        for line in labelled:
            if line.text and not line.text.endswith("·"):
                self.define(card.key, line.text, [line.cells])
        products = [i for i, line in enumerate(labelled) if line.text.endswith("·")]
        local = next((lines[1:] for band, lines in columns if card.role(band) == "loc"), None)
        rows = [line.text for lines in card.bands.values() for line in lines]
        for i in products:
            label = labelled[i].text.rstrip(" ·")
            if local:
                self.define(card.key, label, [local[i].cells])
            for row in rows:
                for weight in re.findall(rf"(\S+) × {re.escape(label)}(?!\S)", row):
                    self.define(card.key, weight, [labelled[i].cells])
        found = [m.groups() for p in (PRODUCTS, GENERIC) for r in rows for m in p.finditer(r)]
        for weights, inputs in found:
            self.define(card.key, weights, [labelled[i].cells for i in products], (len(products),))
            if local:
                self.define(card.key, inputs, [local[i].cells for i in products], (len(products),))

    def _read_band(self, card: Card, band: str, lines: list[Line], head: str) -> None:
        titled = [e for e in self.equations if e.card == card.key and e.names == [head]]
        row = titled[0] if titled else None  # what a card is headed by can go on in a band
        if card.role(band) == "arr":
            self._read_shapes(card, lines)
            return
        if all(line.cells and not line.text for line in lines):
            return  # a matrix
        for line in lines:
            text, cells = line.text, line.cells
            if text[:1] in ("=", "≈") and row is not None:
                row.formulas += [p for p in split(text[1:], "=") if not NOTES[0].fullmatch(p)]
                row.line += f" | {text}"
                if cells:
                    self.report("unparsed", card.key, str(line), "numbers beside a continued line")
            elif text[:2].strip() in ("+", "−", "×", "/", "·") and row is not None and row.formulas:
                row.formulas[-1] += f" {text}"
                row.line += f" | {text}"
            elif not cells:
                self._read_words(card.key, text, str(line))
            elif len(cells) > 1 or not text:
                self.counts["tables"] += 1
                if re.search("[=+×·/√]", text) and not text.endswith(" ·"):
                    self.report("unparsed", card.key, str(line), "an equation within a table")
            else:
                row = self._read_row(card, text, cells[0], head)
                row.role = card.role(band)
                self.equations.append(row)

    def _read_shapes(self, card: Card, lines: list[Line]) -> None:
        """An operation and its operands, each with the shape that it has on its own card."""
        for line in lines[1:]:
            self.stated += [(card.key, line.text, cell) for cell in line.cells]

    def _read_row(self, card: Card, text: str, result: str, head: str) -> Equation:
        left, *formulas = split(text, "=")
        equation = Equation(card.key, f"{text} {result}", [left], formulas, [[result]])
        called = [left]
        if left in ("value", "数值"):
            called += [head, "W", "w", "p"]
        called += [f for f in formulas if DERIVATIVE.fullmatch(f)]
        called += [name[2:] for name in called if name.startswith("Σ ")]
        for name in called:
            self.define(card.key, name, [[result]])
        return equation

    def _read_words(self, key: str, text: str, line: str) -> None:
        """Words without numbers are read by people; what has an equals sign must hold."""
        for clause in clauses(text):
            parts = split(clause, "=")
            if len(parts) == 1:
                if chosen := re.fullmatch(rf"(\D*[^\W\d]) ([-−]?{NUMBER})", clause):
                    self.known[key].setdefault(chosen[1], []).append(Approx.exactly(chosen[2]))
                elif not any(note.fullmatch(clause) for note in NOTES):
                    self._bare(key, clause, line)
                continue
            if vector := re.fullmatch(r"\(([^()]*)\)", parts[-1]):
                cells = [[x.strip() for x in vector[1].split(",")]]
                if all(SIGNED.fullmatch(x) for x in cells[0] if x != "…"):
                    self.define(key, parts[0], cells, (len(cells[0]),))
                    continue
            numbers = [i for i, p in enumerate(parts) if SIGNED.fullmatch(p)]
            column = self.tables.get(key, {}).get(parts[0])
            if column and not numbers:
                self.equations.append(
                    Equation(key, line, parts[:1], parts[1:], column, strict=True)
                )
            elif not numbers:
                self._symbols_only(key, parts, line)
            if not numbers:
                continue
            result = parts.pop(numbers[-1] if numbers[-1] else 0).strip("() ")
            named = [parts.pop(0)] if numbers[-1] and not re.search(r"\d", parts[0]) else []
            for name in named:
                self.define(key, name, [[result]])
            self.equations.append(Equation(key, line, named, parts, [[result]]))

    def _bare(self, key: str, clause: str, line: str) -> None:
        try:
            tree = parse(clause)
        except EmptyOperandError as error:
            self.report("empty operand", key, line, error)
        except FormulaError:
            self.report("unparsed", key, line, f"neither words nor an equation: {clause!r}")
        else:
            if tree[0] not in ("name", "number"):
                self.report("unparsed", key, line, f"a formula without a result: {clause!r}")

    def _symbols_only(self, key: str, parts: list[str], line: str) -> None:
        """A formula that says nothing about numbers must still be one."""
        for part in parts:
            self.parsed(part, Equation(key, line, []))

    def define(
        self, key: str, name: str, cells: list[list[str]], shape: tuple[int, ...] | None = None
    ) -> None:
        flat = [cell for row in cells for cell in row]
        if any(not re.fullmatch(rf"[-−]?{NUMBER}", cell) for cell in flat):
            return  # missing, or cut short
        if len({len(row) for row in cells}) != 1:
            return
        found = [Approx.printed(cell) for cell in flat]
        if shape is None:
            own = () if len(flat) == 1 else (len(cells), len(cells[0]))
            shape = self.shapes.get(name, own)
        if prod(shape) != len(flat):
            self.report("shape", key, name, f"it says {shape} over {len(flat)} numbers")
            shape = (len(cells), len(cells[0]))
        both = [
            np.array([getattr(x, part) for x in found]).reshape(shape)
            for part in ("centre", "radius")
        ]
        self.known[key].setdefault(name.strip().replace("σ²", "σ₂"), []).append(
            Approx(both[0], both[1])
        )

    def parsed(self, formula: str, equation: Equation) -> Tree | None:
        try:
            return parse(_gaps(formula.replace("σ²", "σ₂")))
        except EmptyOperandError as error:
            self.report("empty operand", equation.card, equation.line, error)
        except FormulaError as error:
            self.report("unparsed", equation.card, equation.line, f"{formula!r}: {error}")
        return None

    def candidates(self, name: str, key: str) -> list[Approx]:
        """What a name can stand for: on the card, else on the cards linked to it, else anywhere."""
        if key in self.picture.cards:
            before = self.picture.before(key)
            around = self.picture.neighbours(key) - before
            further = {k for near in before | around for k in self.picture.neighbours(near)}
        else:
            before, around, further = set(), set(), set()
        if name.startswith("…"):
            return self._behind(key)
        if name.endswith("_old"):
            return self.known[key].get(name, [])  # each card has its own
        for level in ([key], before, around, further, self.known):
            found = [x for k in level for x in self.known[k].get(name, ())]
            if found:
                vector = None if found[0].shape else self._vector(name)
                return [*found, vector] if vector else found
        if name in self.constants:
            if not self.picture.says(name):
                self.counts["constants that are printed nowhere"] += 1
            return [Approx(np.float64(self.constants[name]), np.float64(0.0))]
        vector = self._vector(name)
        return [vector] if vector else self._picked(name, key)

    def _picked(self, name: str, key: str) -> list[Approx]:
        """out[y] for out[0], out[1], … and a whole number y; a[:,0] of an array."""
        m = re.fullmatch(r"(.+?)\[([^\[\]]+)\]", name)
        if not m:
            return []
        arrays = [x for x in self.candidates(m[1], key) if x.shape]
        if m[2] == ":,None":
            return [Approx(x.centre[:, None], x.radius[:, None]) for x in arrays]
        if not re.fullmatch(r"[\d:,]+", m[2]):
            places = self.candidates(m[2], key)
            return [x for a in arrays for i in places if (x := _picked_at(a, i)) is not None]
        index = tuple(
            slice(*(int(x) if x else None for x in part.split(":"))) if ":" in part else int(part)
            for part in m[2].split(",")
        )
        return [_at(a, index) for a in arrays if len(a.shape) >= len(index)]

    def _behind(self, key: str) -> list[Approx]:
        """The numbers of the cards that a card's wires come from."""
        before = self.picture.before(key)
        return [x for k in before for found in self.known[k].values() for x in found]

    def _vector(self, name: str) -> Approx | None:
        """x from x0, x1, … or x[0], x[1], …; W[0] from W[0,0], W[0,1], …"""
        parts = []
        for i in itertools.count():
            spelled = {f"{name}{i}", f"{name}[{i}]"}
            if name.endswith("]"):
                spelled.add(f"{name[:-1]},{i}]")
            found = [x for known in self.known.values() for s in spelled for x in known.get(s, ())]
            if not found:
                break
            parts.append(found[0])
        if not parts or any(x.shape for x in parts):
            return None
        return Approx(np.array([x.centre for x in parts]), np.array([x.radius for x in parts]))


def is_column(band: str, lines: list[Line]) -> bool:
    """A heading, and numbers below it, in a table."""
    first, *rest = lines
    numbered = re.search(r"-\d+-(fwd|loc|bwd|upd)$", band) is not None
    return numbered and bool(rest) and not first.cells and all(len(x.cells) == 1 for x in rest)


def _title_of(i: int, titles: dict[int, tuple[str, str]]) -> int:
    return max(at for at in titles if at < i)


def _picked_at(a: Approx, place: Approx) -> Approx | None:
    """The element at a place, or of each row the one at its own."""
    i = np.ravel(place.centre)
    if np.any((i < 0) | (i >= a.shape[-1]) | (i != np.round(i))):
        return None
    columns = i.astype(int)
    if len(a.shape) == 1:
        return _at(a, (int(columns[0]),))
    rows = list(range(len(columns)))
    return (
        Approx(a.centre[rows, columns], a.radius[rows, columns])
        if len(rows) == len(a.centre)
        else None
    )


def _at(a: Approx, index: tuple[slice | int, ...]) -> Approx:
    return Approx(a.centre[index], a.radius[index])


def _turned(name: str, shape: str) -> tuple[int, ...]:
    sizes = tuple(map(int, shape.split("×")))
    return sizes[::-1] if name.endswith("ᵀ") else sizes


def split(text: str, sign: str) -> list[str]:
    """The parts of a text between signs that stand in no bracket."""
    parts, depth = [""], 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == sign and depth == 0 and text[i - 1 : i] not in ("<", ">", "≤"):
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts]


def clauses(text: str) -> Iterator[str]:
    """What stands between commas, semicolons, colons and dots in the middle, outside brackets."""
    depth, start = 0, 0
    for m in re.finditer(r"[(\[]|[)\]]|[,;:]\s|[，；：。]|\s{2,}|\s[|]\s", text):
        if m[0] in "([":
            depth += 1
        elif m[0] in ")]":
            depth -= 1
        elif depth == 0:
            yield text[start : m.start()].strip()
            start = m.end()
    yield text[start:].strip()


def _gaps(formula: str) -> str:
    """An operand that is cut short, (… + …), is one gap."""
    while True:
        shorter = re.sub(r"(?<!\w)\(\s*…(?:\s*[+−×/·]\s*…)*\s*\)", "…", formula)
        if shorter == formula:
            return formula
        formula = shorter
