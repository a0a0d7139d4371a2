"""Where the texts of a picture come out in programs that draw SVG, and what lies beneath them."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SVG = "{http://www.w3.org/2000/svg}"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RSVG = shutil.which("rsvg-convert")
FONTS = ("Liberation Sans", "DejaVu Sans", "Verdana, DejaVu Sans")
_ZOOM = 2


@dataclass(frozen=True)
class Box:
    """In the picture's own coordinates."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True)
class Shape:
    box: Box
    fill: str


@dataclass(frozen=True)
class Text:
    """A text, where it is anchored, and the filled shapes of its part that were drawn before."""

    content: str
    fill: str
    x: float
    y: float
    anchor: str
    beneath: tuple[Shape, ...]

    def ground(self, middle: float) -> Shape | None:
        """The innermost shape under the middle of the text."""
        under = [shape for shape in self.beneath if shape.box.holds(middle, self.y - 3)]
        return min(under, key=lambda shape: shape.box.area, default=None)


def read(svg: str) -> list[Text]:
    """The texts of a picture, in order; those of one line are one, with a fill for each piece."""
    root = ElementTree.fromstring(svg)
    (graph,) = [g for g in root.iter(f"{SVG}g") if g.get("class") == "graph"]
    found: list[Text] = []

    def walk(element: ElementTree.Element, shapes: list[Shape]) -> None:
        for child in element:
            if child.tag in (f"{SVG}polygon", f"{SVG}path") and child.get("fill") != "none":
                shapes.append(Shape(_box(child), child.get("fill", "black")))
            elif child.tag == f"{SVG}text":
                pieces = child.findall(f"{SVG}tspan") or [child]
                fills = " ".join(piece.get("fill", "black") for piece in pieces)
                content = "".join(child.itertext())
                place = float(child.get("x", "0")), float(child.get("y", "0"))
                anchor = child.get("text-anchor", "start")
                found.append(Text(content, fills, *place, anchor, tuple(shapes)))
            elif child.tag == f"{SVG}g" and child.get("class"):
                walk(child, list(shapes))
            elif child.tag in (f"{SVG}g", f"{SVG}a"):
                walk(child, shapes)

    walk(graph, [])
    return found


def _box(shape: ElementTree.Element) -> Box:
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", shape.get("points") or shape.get("d", ""))]
    xs, ys = numbers[::2], numbers[1::2]
    return Box(min(xs), min(ys), max(xs), max(ys))


def with_font(svg: str, family: str) -> str:
    """The picture with another font; it inherits that of its root."""
    return re.sub(r'font-family="[^"]*"', f'font-family="{family}"', svg, count=1)


SCRIPT = """
const measure = text => {
  const box = text.getBBox();
  return [box.x, box.y, box.x + box.width, box.y + box.height];
};
const boxes = [...document.querySelectorAll("svg")].map(
  svg => [...svg.querySelectorAll("text")].map(measure));
document.body.textContent = "BOXES" + JSON.stringify(boxes) + "END";
"""


def in_chromium(svgs: list[str]) -> list[list[Box]]:
    """What Chromium says that each text of each picture takes up."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(
            f"<!doctype html><meta charset=utf-8><body>{''.join(svgs)}<script>{SCRIPT}</script>",
            encoding="utf-8",
        )
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += [f"--user-data-dir={folder}/profile", page.as_uri()]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    boxes = json.loads(run.stdout.partition("BOXES")[2].partition("END")[0])
    return [[Box(*box) for box in picture] for picture in boxes]


def in_librsvg(svg: str) -> list[Box | None]:
    """Where librsvg puts ink for each text: each is drawn alone in a colour of its own."""
    assert RSVG is not None
    root = ElementTree.fromstring(svg)
    texts = list(root.iter(f"{SVG}text"))
    for i, text in enumerate(texts):
        levels = (i % 16, i // 16 % 16, i // 256)
        colour = "#" + "".join(f"{17 * level:02x}" for level in levels)
        for piece in [text, *text.iter(f"{SVG}tspan")]:
            piece.set("fill", colour)
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{SVG}polygon", f"{SVG}path", f"{SVG}ellipse", f"{SVG}polyline"):
                parent.remove(child)
    png = subprocess.run(
        [RSVG, "--zoom", str(_ZOOM), "--unlimited"],
        input=ElementTree.tostring(root),
        capture_output=True,
        check=True,
    ).stdout
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(int)
    ys, xs = np.nonzero(pixels[..., 3] > 160)
    levels = np.rint(pixels[ys, xs, :3] / 17).astype(int)
    index = levels[:, 0] + 16 * levels[:, 1] + 256 * levels[:, 2]
    ink = defaultdict(list)
    for i, x, y in zip(index.tolist(), xs.tolist(), ys.tolist(), strict=True):
        ink[i].append((x, y))
    dx, dy = _shift(root)
    return [_around(ink.get(i), dx, dy) for i in range(len(texts))]


def _shift(root: ElementTree.Element) -> tuple[float, float]:
    (graph,) = [g for g in root.iter(f"{SVG}g") if g.get("class") == "graph"]
    found = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", graph.get("transform", ""))
    assert found is not None
    return float(found[1]), float(found[2])


def _around(points: list[tuple[int, int]] | None, dx: float, dy: float) -> Box | None:
    if not points:
        return None
    xs, ys = zip(*points, strict=True)
    left, top = min(xs) / _ZOOM - dx, min(ys) / _ZOOM - dy
    return Box(left, top, (max(xs) + 1) / _ZOOM - dx, (max(ys) + 1) / _ZOOM - dy)
