"""Whether a program's largest of several numbers may be another than Python's, unnoticed.

Of numbers among which is nan the program's is nan; `max` compares, and may pass the nan over. Where
nan reaches the loss the function itself is run; it does not where the largest is compared, or comes
back beside the loss.
"""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import ROWS
from micrograd.compiler.trace.recording import CHOICES, LARGEST_OF, Codes, Recording
from micrograd.engine import reachable
from micrograd.ops import OPS, Op

OTHERS = (0.0, 1.0, -1.0, 2.0)  # with which nan may be computed


class NanUnnoticed(Exception):  # noqa: N818  (a finding, answered by another trace)
    """A nan that the program has in the place of a number might be noticed nowhere."""


def may_go_unnoticed(r: Recording) -> bool:
    """Whether a largest number that is nan may leave the loss finite, or other results nan."""
    seeds = r.row == LARGEST_OF
    if not seeds.any():
        return False
    passes = _passing()[r.row] & (r.static != 0)
    source, to = _edges(r)
    lost = np.frombuffer(reachable(source, to, seeds.tobytes(), passes.tobytes()), np.bool_)
    if (lost[source] & ~passes[to]).any():
        return True
    seen = r.outputs[1:]
    return bool(lost[seen[(seen >= 0) & (seen < len(r))]].any())


def _edges(r: Recording) -> tuple[Codes, Codes]:
    """From which node to which a number goes."""
    nodes = np.arange(len(r))
    chosen = [(r.choices[r.a[k] - CHOICES][0], k) for k in np.flatnonzero(r.a >= CHOICES).tolist()]
    lists = [*((x, k) for k, x in r.many.items()), *chosen]
    source = np.concatenate([r.a, r.b, r.c, *(x for x, _ in lists)])
    to = np.concatenate([nodes, nodes, nodes, *(np.full(len(x), k) for x, k in lists)])
    made = (source >= 0) & (source < len(r))
    return source[made], to[made]


@cache
def _passing() -> NDArray[np.bool_]:
    """Of which rows the result is nan if an operand is, whichever; those of recordings are."""
    return np.array([*(_passes(OPS[name]) for name in ROWS), True, True])


def _passes(row: Op) -> bool:
    static = [1.0] if row.has_static else []
    return all(
        math.isnan(row.f(*x, *static))
        for place in range(row.arity)
        for x in itertools.product(
            *([math.nan] if k == place else OTHERS for k in range(row.arity))
        )
    )
