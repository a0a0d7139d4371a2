"""Any text, made safe for an HTML-like label of Graphviz."""

from __future__ import annotations

import html
import re

from viz.palette import TEXT_SIZE

LONGEST = 100  # characters of one text; longer ones end in "…"

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0


def text(content: str, longest: int = LONGEST) -> str:
    r"""Any text, made safe for a label: shortened, without what XML forbids, escaped.

    A backslash is doubled, because Graphviz reads `\N` and the like in every text.

    >>> text('<script> & "x"')
    '&lt;script&gt; &amp; &quot;x&quot;'
    """
    line = _FORBIDDEN.sub("�", " ".join(content.split("\n")))
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    return html.escape(line).replace("\\", "&#92;&#92;") or " "


def font(
    content: str,
    colour: str,
    size: int = TEXT_SIZE,
    bold: bool = False,
    longest: int = LONGEST,
) -> str:
    """Text in a colour and size."""
    inner = f"<B>{text(content, longest)}</B>" if bold else text(content, longest)
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{inner}</FONT>'
