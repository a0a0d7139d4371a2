"""How wide text is in Helvetica: the widths that vector pictures are laid out and drawn with.

The widths of ASCII are those of Adobe's font metrics (AFM) for Helvetica and Helvetica-Bold,
which Arial, Liberation Sans, Arimo and Nimbus Sans share. Greek letters and signs of
mathematics, which the AFM files lack, have the widths of Liberation Sans.
"""

from __future__ import annotations

import unicodedata
from functools import cache

UNITS_PER_EM = 1000
WIDE = 1000
COMMON = 556

_FIRST_ASCII = 32
_ASCII_REGULAR = (
    *(278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278),
    *(556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556),
    *(1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778),
    *(667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556),
    *(333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556),
    *(556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584),
)
_ASCII_BOLD = (
    *(278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278),
    *(556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611),
    *(975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778),
    *(667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556),
    *(333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611),
    *(611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584),
)
_OTHER_REGULAR = {
    188: "′",
    222: "ı‘’",
    278: "\N{NO-BREAK SPACE}·∙Ιι",
    333: "‐‑“”¡¨´¸⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼ",
    350: "•",
    354: "″",
    365: "ºⁿ",
    370: "ª",
    395: "τ",
    400: "°",
    446: "ε",
    441: "ζ",
    448: "ξ",
    482: "ς",
    494: "∂",
    500: "κγλν↑↓↕",
    525: "χ",
    547: "υ",
    549: "±÷√≈≠≤≥",
    551: "Γ",
    569: "ρ",
    575: "β",
    576: "μµ",
    578: "α",
    584: "¬×−",
    611: "¿ßøΤΖ",
    612: "∆∇",
    617: "σ",
    618: "Σ",
    648: "φ",
    650: "Ξ",
    667: "ΑΒΕΚΡΥΧÞ",
    668: "ΔΛ",
    690: "π",
    713: "ψ∑∞",
    722: "ΗΝΠÐ",
    737: "©®",
    748: "Ω",
    778: "ΘΟØ",
    781: "ω",
    798: "Φ",
    823: "∏",
    833: "Μ",
    835: "Ψ",
    889: "æ",
    944: "œ",
    1000: "—―…←→↔⇐⇒⇔ÆŒ",
}
_OTHER_BOLD = {
    240: "′",
    278: "ı‘’",
    365: "º",
    396: "ⁿ",
    445: "ξ",
    446: "τ",
    460: "ζ",
    475: "ε",
    479: "″",
    500: "“”",
    520: "ς",
    541: "θ",
    556: "γλν",
    558: "κ",
    576: "χµ",
    582: "υ",
    600: "Σ",
    601: "Γ",
    606: "δ",
    610: "β",
    611: "¿ßðøþΤΖηο",
    612: "μ",
    615: "α",
    619: "ρ",
    644: "Ξ",
    684: "σ",
    715: "φ",
    719: "Δ",
    722: "ΑΒΗΚΝΠ",
    753: "ψ",
    766: "π",
    802: "Ω",
    809: "Ψ",
    821: "Φ",
    845: "ω",
}


def _by_character(ascii_widths: tuple[int, ...], others: dict[int, str]) -> dict[str, int]:
    table = {chr(_FIRST_ASCII + index): width for index, width in enumerate(ascii_widths)}
    for width, characters in others.items():
        table.update(dict.fromkeys(characters, width))
    return table


_REGULAR = _by_character(_ASCII_REGULAR, _OTHER_REGULAR)
_BOLD = {**_REGULAR, **_by_character(_ASCII_BOLD, _OTHER_BOLD)}


@cache
def character_width(character: str, bold: bool = False) -> int:
    """Return the width of one character in thousandths of the font size.

    Chinese, Japanese and Korean characters are as wide as the font size; an accented letter is as
    wide as its base letter; what the tables do not hold is as wide as a digit.

    >>> character_width("i"), character_width("i", bold=True), character_width("中")
    (222, 278, 1000)
    """
    known = (_BOLD if bold else _REGULAR).get(character)
    if known is not None:
        return known
    if unicodedata.category(character) in {"Mn", "Me", "Cf", "Cc"}:
        return 0
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return WIDE
    base = unicodedata.normalize("NFD", character)[0]
    if base != character:
        return character_width(base, bold)
    return COMMON


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of `text` in Helvetica of `size` points, in points.

    >>> text_width("0.6319", 10.0)
    30.58
    """
    thousandths = sum(character_width(character, bold) for character in text)
    return thousandths * size / UNITS_PER_EM
