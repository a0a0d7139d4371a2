"""A picture that fills stage by stage: frames as pictures of their own, or one that moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.dom import minidom

from viz.stepping.notation import Data

A_STAGE, AT_THE_END = 1.1, 4.0  # seconds


def _texts(data: Mapping[str, Data], picture: minidom.Document) -> Iterator[tuple[Any, int]]:
    """Each text of a band, and the stage that fills it; 0 for what is always there."""
    groups = {g.getAttribute("id"): g for g in picture.getElementsByTagName("g")}
    first: dict[tuple[int, int], int] = {}
    for k, stage in enumerate(data["stages"], 1):
        for b, r in stage["x"]:
            first.setdefault((b, r), k)
    for b, (key, _, _, rows) in enumerate(data["bands"]):
        texts = iter(groups[key].getElementsByTagName("text"))
        for r, row in enumerate(rows):
            for _ in range(row["t"]):
                yield next(texts), first.get((b, r), 0)


def _wires(data: Mapping[str, Data], picture: minidom.Document) -> Iterator[tuple[Any, int]]:
    first: dict[str, int] = {}
    for k, stage in enumerate(data["stages"], 1):
        for key in stage["w"]:
            first.setdefault(key, k)
    last = sum(stage["p"] < 2 for stage in data["stages"])
    for g in picture.getElementsByTagName("g"):
        kinds = g.getAttribute("class").split()
        if "edge" in kinds:
            yield g, first.get(g.getAttribute("id"), last if "bwd" in kinds else 1)


def frames(svg: str, data: Mapping[str, Data]) -> list[str]:
    """The picture at the end of each stage, as SVG."""
    shown = []
    for n in range(1, len(data["stages"]) + 1):
        picture = minidom.parseString(svg.encode())
        for part, stage in [*_texts(data, picture), *_wires(data, picture)]:
            if stage > n:
                part.setAttribute("visibility", "hidden")
        shown.append(_xml(picture))
    return shown


def moving(svg: str, data: Mapping[str, Data]) -> str:
    """One SVG that goes through the stages by itself, again and again.

    Who has asked for less motion sees the whole picture.
    """
    picture = minidom.parseString(svg.encode())
    for part, stage in [*_texts(data, picture), *_wires(data, picture)]:
        if stage:
            kinds = f"{part.getAttribute('class')} s{stage}".strip()
            part.setAttribute("class", kinds)
    root = picture.documentElement
    assert root is not None
    style = picture.createElement("style")
    style.appendChild(picture.createTextNode(_style(data["stages"])))
    root.insertBefore(style, root.firstChild)
    return _xml(picture)


def _style(stages: Sequence[Data]) -> str:
    whole = A_STAGE * len(stages) + AT_THE_END
    rules = []
    for k in range(1, len(stages) + 1):
        at = 100 * (k - 1) * A_STAGE / whole
        rules.append(
            f"@keyframes k{k}{{0%,{at:.2f}%{{opacity:0}}{at + 0.8:.2f}%,100%{{opacity:1}}}}"
            f".s{k}{{animation:k{k} {whole:g}s infinite}}"
        )
    return f"@media (prefers-reduced-motion: no-preference){{{''.join(rules)}}}"


def _xml(picture: minidom.Document) -> str:
    root = picture.documentElement
    assert root is not None
    return root.toxml()
