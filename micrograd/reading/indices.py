"""Names of several things that differ in one index."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_LISTED = 4


def indexed(names: Sequence[str]) -> str:
    """One name for several that differ in one index, which becomes j; "" for others."""
    found = _varying(names)
    return "j".join(found) if found else names[0] if len(set(names)) == 1 else ""


def vector(names: Sequence[str]) -> str:
    """The name of what has these elements: h1 for h1[0], h1[1], …; "" if there is none."""
    found = _varying(names)
    if not found:
        return ""
    head, tail = found
    if head.endswith(","):
        return head[:-1] + tail
    if head.endswith("["):
        return head[:-1] if tail == "]" else f"{head}:{tail}"
    return head + tail


def listed(names: Sequence[str]) -> str:
    """The names one by one, the first and the last of many.

    >>> listed(["u1", "h"]), listed(["a", "b", "c", "d", "e"])
    ('(u1, h)', '(a, …, e)')
    """
    shown = names if len(names) <= MOST_LISTED else [names[0], "…", names[-1]]
    return f"({', '.join(shown)})"


def _varying(names: Sequence[str]) -> tuple[str, str] | None:
    """What is before and after the one number in which the names differ."""
    if len(set(names)) < len(names) or len(names) < 2:
        return None
    for match in re.finditer(r"\d+", names[0]):
        head, tail = names[0][: match.start()], names[0][match.end() :]
        pattern = re.compile(re.escape(head) + r"\d+" + re.escape(tail))
        if all(pattern.fullmatch(name) for name in names):
            return head, tail
    return None
