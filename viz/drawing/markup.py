"""Any text, made safe for an HTML-like label of Graphviz."""

from __future__ import annotations

import html
import re

from viz.drawing.palette import TEXT_SIZE

LONGEST = 100  # characters of one text; longer ones end in "…"

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0


def one_line(content: str, longest: int = LONGEST) -> str:
    """Text on one line, without the characters that XML forbids, and shortened.

    >>> one_line("a" + chr(10) + "b"), one_line("abcdef", 4)
    ('a b', 'abc…')
    """
    line = _FORBIDDEN.sub("�", " ".join(content.split("\n")))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def text(content: str, longest: int = LONGEST) -> str:
    r"""Any text, made safe for a label: shortened, without what XML forbids, escaped.

    A backslash is doubled, because Graphviz reads `\N` and the like in every text.

    >>> text('<script> & "x"')
    '&lt;script&gt; &amp; &quot;x&quot;'
    """
    return html.escape(one_line(content, longest)).replace("\\", "&#92;&#92;") or " "


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
