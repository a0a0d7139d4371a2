"""Colours, each with one meaning, and the fonts and line widths that all pictures share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """What a number is, and how it looks: text is always on its own fill, light page or dark."""

    key: str  # the end of a band's id: "h0-fwd"
    meaning: str
    text: str
    fill: str


FORWARD = Role("fwd", "forward value", "#004B7A", "#E6F1FA")
LOCAL = Role("loc", "local derivative", "#6B5200", "#FFF3C4")
GRADIENT = Role("bwd", "gradient = upstream × local", "#9A3E00", "#FCEBDF")
UPDATE = Role("upd", "after one {name} step", "#00604A", "#E2F4EC")
ARRAY = Role("arr", "array operation", "#33475B", "#E9EEF3")
SCALARS = Role("sca", "scalar operations that it stands for", "#5A3E85", "#F0EAF7")
ROLES = (FORWARD, LOCAL, GRADIENT, UPDATE, ARRAY, SCALARS)

FORWARD_WIRE = "#0072B2"
GRADIENT_WIRE = "#D55E00"

NEURON_FRAME = "#33475B"
WEIGHT_FRAME = "#55697B"
DATA_FRAME = "#6B6660"
CLUSTER_FRAME = "#7A8C9D"  # a line on the page: stands out from a light one and from a dark one
TITLE_TEXT = "white"
SUBTITLE_TEXT = "#E3EAF0"
OPERATOR_TEXT = "#5B6770"  # the × between two factors

FONT = "Helvetica"
TITLE_SIZE = 15
TEXT_SIZE = 13
SMALL_SIZE = 11
