"""What to say when a picture's text would come out as boxes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from viz.layout.font_coverage import coverage

_CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_MOST_SHOWN = 12


def missing_font_message(text: str, folders: Iterable[Path]) -> str | None:
    """Return what to tell the user if no font in `folders` has every character of `text`.

    >>> missing_font_message("", []) is None
    True
    >>> missing_font_message("loss", []).partition(":")[0]
    'no font was found'
    """
    found = coverage(text, folders)
    if not found.missing:
        return None
    if not found.any_font:
        advice = "apt install fonts-dejavu-core"
        trouble = "no font was found: all text of the picture is drawn as boxes"
        if _CJK.search(found.missing):
            advice += " fonts-noto-cjk"
    else:
        shown = found.missing[:_MOST_SHOWN] + ("…" if len(found.missing) > _MOST_SHOWN else "")
        trouble = f"no font was found that has {shown}: these characters are drawn as boxes"
        cjk = _CJK.search(found.missing) is not None
        advice = f"apt install {'fonts-noto-cjk' if cjk else 'fonts-dejavu fonts-noto-core'}"
    return f"{trouble}; install one (on Debian or Ubuntu: {advice}) or save as SVG"
