"""What is kept of what was made last: a few for each key, and of keys those that are used."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

MOST_PROGRAMS = 64  # for each function; the one that was not used for longest goes first
MOST_VARIANTS = 4  # of them for one shape: as for a model that trains and one that does not


def keep(kept: OrderedDict[Any, list[Any]], key: Any, new: Any) -> None:
    """Keep one more for a key, and of each what was made last."""
    kept[key] = [new, *kept.get(key, ())][:MOST_VARIANTS]
    if len(kept) > MOST_PROGRAMS:
        kept.popitem(last=False)
