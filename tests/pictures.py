"""Reading pictures back: what stands in which band of which card."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from micrograd.ops import FLOATS
from viz.drawing.palette import SMALL_SIZE

SVG = "{http://www.w3.org/2000/svg}"


class Picture:
    """An SVG that `viz` made."""

    def __init__(self, figure):
        self.root = ElementTree.fromstring(figure.svg())
        self.groups = {g.get("id"): g for g in self.root.iter(f"{SVG}g") if g.get("id")}

    def texts(self, key):
        """All texts of a band, a card or a wire, in order."""
        return [_content(t) for t, _ in _pieces(self.groups[key])]

    def numbers(self, key):
        """The bold numbers of a band, in order; nan where there is "–"."""
        bold = [t for t, _ in _pieces(self.groups[key]) if t.get("font-weight") == "bold"]
        return [float("nan") if _content(t) == "–" else float(_content(t)) for t in bold]

    def small_print(self, key):
        """The lines of small print of a band, from top to bottom."""
        lines = {}
        for t, y in _pieces(self.groups[key]):
            if float(t.get("font-size")) == SMALL_SIZE:
                lines.setdefault(y, []).append(_content(t))
        return ["".join(lines[y]) for y in sorted(lines)]

    def equations(self, key):
        """Each line of small print of a band that begins with "=", and the number above it."""
        number, lines = "", {}
        for t, y in sorted(_pieces(self.groups[key]), key=lambda piece: piece[1]):
            if float(t.get("font-size")) == SMALL_SIZE:
                lines.setdefault((number, y), []).append(_content(t))
            elif t.get("font-weight") == "bold":
                number = _content(t)
        whole = [("".join(pieces), above) for (above, _), pieces in lines.items()]
        return [(line, above) for line, above in whole if line.startswith("=")]

    def all_text(self):
        """Every text of the picture."""
        return [_content(t) for t, _ in _pieces(self.root)]


def _pieces(group):
    """Texts, or the pieces that one is made of, each with its baseline."""
    for text in group.iter(f"{SVG}text"):
        for piece in text.findall(f"{SVG}tspan") or [text]:
            yield piece, float(text.get("y"))


def _content(text):
    return (text.text or "").replace("\N{NO-BREAK SPACE}", " ")


def agrees(line, shown):
    """Whether an equation in small print comes to a number, to its last digit."""
    code = line.removeprefix("= ").translate(str.maketrans({"×": "*", "−": "-", "²": "**2"}))
    code = re.sub(r"√\(", "sqrt(", code).replace("^", "**")
    code = re.sub(r"(\([^()]*\)|[\d.]+)\*\*2", r"(\1**2)", code)
    names = {name: getattr(FLOATS, name) for name in ("sqrt", "exp", "log", "tanh", "sigmoid")}
    names |= {"softplus": FLOATS.softplus, "ReLU": FLOATS.relu, "abs": abs}
    value = eval(re.sub(r"\|([^|]*)\|", r"abs(\1)", code), names)
    mantissa, _, power = shown.partition("e")
    unit = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    return abs(value - float(shown)) <= 0.5001 * unit
