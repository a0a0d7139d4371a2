"""Keeps what stands in one column in order, and gives every layer a column of its own.

A layout engine that only minimises crossings and lengths scrambles neurons and staggers layers.
Nodes and edges that are not seen tie them: each cluster of a layer ends at the same invisible node,
and those of the next begin behind it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import pairwise

import graphviz

_UNSEEN = {"style": "invis", "arrowhead": "none"}
_POINT = {"label": "", "shape": "point", "width": "0", "height": "0", "style": "invis"}


def keep_order(
    graph: graphviz.Digraph,
    keys: Sequence[str],
    users: Sequence[Collection[int]],
    titles: Sequence[str],
    clusters: Sequence[str],
) -> None:
    """Add what ties cards to one another; `clusters` says which is in which, "" for in none.

    The engine takes no order from edges between clusters, so each is tied to points outside of it.
    """
    sources: list[list[int]] = [[] for _ in users]
    for k, using in enumerate(users):
        for user in using:
            sources[user].append(k)
    layers = _layers(_levels(users, sources, clusters), clusters)
    if not layers:
        return
    inside: dict[str, list[int]] = defaultdict(list)
    for k, cluster in enumerate(clusters):
        inside[cluster].append(k)
    first = {k for cluster in layers[0] for k in inside[cluster]}
    inputs = [k for k in inside[""] if not sources[k] and not first.isdisjoint(users[k])]
    named = {titles[k]: keys[k] for k in inputs}
    ends = [[named[title] for title in by_index(list(named))]]
    for n, layer in enumerate(layers):
        begins = []
        for c, cluster in enumerate(layer):
            own = set(inside[cluster])
            begin = [keys[k] for k in inside[cluster] if own.isdisjoint(sources[k])]
            begins.append(_point(graph, f"begin{n}_{c}", after=begin))
        _column(graph, [ends[-1], begins])
        ends.append([])
        for c, cluster in enumerate(layer):
            own = set(inside[cluster])
            end = [keys[k] for k in inside[cluster] if own.isdisjoint(users[k])]
            ends[-1].append(_point(graph, f"end{n}_{c}", before=end))
    _column(graph, [ends[-1]])


def in_columns(
    graph: graphviz.Digraph,
    keys: Sequence[str],
    users: Sequence[Collection[int]],
    titles: Sequence[str],
) -> None:
    """One column for the cards that are equally far from the first ones, in the order of titles."""
    sources: list[list[int]] = [[] for _ in users]
    for k, using in enumerate(users):
        for user in using:
            sources[user].append(k)
    columns: dict[int, dict[str, str]] = defaultdict(dict)
    for k, level in enumerate(_levels(users, sources, keys)):
        if titles[k]:
            columns[level].setdefault(titles[k], keys[k])
    for column in columns.values():
        _column(graph, [[column[title] for title in by_index(list(column))]])


def _point(
    graph: graphviz.Digraph, name: str, before: Sequence[str] = (), after: Sequence[str] = ()
) -> str:
    graph.node(name, **_POINT)
    for key in before:
        graph.edge(key, name, weight="10", **_UNSEEN)
    for key in after:
        graph.edge(name, key, weight="0", **_UNSEEN)
    return name


def _column(graph: graphviz.Digraph, chains: Sequence[Sequence[str]]) -> None:
    """Everything in one column, and each chain from top to bottom."""
    with graph.subgraph() as column:
        column.attr(rank="same")
        for chain in chains:
            for key in chain:
                column.node(key)
            for above, below in pairwise(chain):
                column.edge(above, below, **_UNSEEN)


def _levels(
    users: Sequence[Collection[int]], sources: Sequence[Sequence[int]], clusters: Sequence[str]
) -> list[int]:
    """For each card, how many clusters the longest way to it goes through, its own among them."""
    missing = [len(found) for found in sources]
    levels = [0] * len(users)
    ready = [k for k, n in enumerate(missing) if not n]
    while ready:
        k = ready.pop()
        own = clusters[k]
        levels[k] = max(
            (levels[s] + (bool(own) and clusters[s] != own) for s in sources[k]), default=0
        )
        for user in users[k]:
            missing[user] -= 1
            if not missing[user]:
                ready.append(user)
    return levels


def _layers(levels: Sequence[int], clusters: Sequence[str]) -> list[list[str]]:
    """The clusters, those of each layer together, in the order in which they were given."""
    level: dict[str, int] = {}
    for k, cluster in enumerate(clusters):
        if cluster:
            level[cluster] = max(level.get(cluster, 0), levels[k])
    layers: dict[int, list[str]] = defaultdict(list)
    for cluster, n in level.items():
        layers[n].append(cluster)
    return [by_index(layers[n]) for n in sorted(layers)]


def by_index(names: Sequence[str]) -> list[str]:
    """Names in the order of the numbers in them; those that differ otherwise as they come.

    >>> by_index(["h[10]", "b", "h[9]"])
    ['h[9]', 'h[10]', 'b']
    """
    stems = {re.sub(r"\d+", "#", name): k for k, name in reversed(list(enumerate(names)))}

    def key(name: str) -> tuple[int, list[int]]:
        return stems[re.sub(r"\d+", "#", name)], [int(n) for n in re.findall(r"\d+", name)]

    return sorted(names, key=key)
