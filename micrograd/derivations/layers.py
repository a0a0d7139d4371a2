"""Many paths at once: the gradient of each layer from that of the next, as matrices say it.

Lines that compute the same of different things are a layer: its gradients are a matrix with a row
for each sample. Every line on the way belongs to one, so nothing is left out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from micrograd.derivations.lines import Edge, Equations
from micrograd.reading.indices import vector
from micrograd.steps.step import Floats
from micrograd.text.derivatives import local_name
from micrograd.text.equations import Quantity, symbolic
from micrograd.text.latex import latex, name
from micrograd.text.words import word

MOST_SHARES = 12  # layers above one, each with its share of the gradient
LONGEST_SLOPE = 60  # characters of a derivative that is written out


@dataclass(frozen=True)
class LayerGradient:
    """Gradients that are computed alike, and from what: `name` = `text`."""

    name: str
    text: str
    latex: str
    values: Floats
    terms: int  # products that were added for them


@dataclass
class _Rank:
    positions: tuple[int, ...]
    quantities: tuple[Quantity, ...]
    shape: tuple[int, ...]
    is_input: bool = False
    name: str = ""


def stem(names: Sequence[str]) -> str:
    """One name for several: W2 for W2[0,1], W2[1,1], …; with ":" for the numbers that differ.

    >>> stem(["h1[0]", "h1[1]"]), stem(["h0", "h1"]), stem(["net[1].w[0]", "net[1].w[1]"])
    ('h1', 'h', 'net[1].w[:]')
    """
    if len(set(names)) == 1:
        return names[0]
    heads = {re.sub(r"\[[\d,]+\]$", "", name) for name in names}
    if len(heads) == 1 and not re.search(r"[\[.]", heads_only := heads.pop()):
        return heads_only
    if vector(names) and not any("[" in name for name in names):
        return vector(names)
    parts = [re.split(r"(\d+)", name) for name in names]
    if len({len(p) for p in parts}) > 1 or len({tuple(p[::2]) for p in parts}) > 1:
        return f"({names[0]}, …, {names[-1]})"
    return "".join(x.pop() if len(x) == 1 else ":" for x in map(set, zip(*parts, strict=True)))


def layers(
    recorded: Equations, targets: Sequence[int], names: Sequence[str]
) -> list[LayerGradient]:
    """The gradient of the output by each layer on the way down to the inputs."""
    edges = _edges_to(recorded, set(targets))
    users: dict[int, list[Edge]] = defaultdict(list)
    for found in edges.values():
        for edge in found:
            users[edge.below.tag].append(edge)
    top = recorded.output
    gradient = {top.position: 1.0}
    said = []
    groups = _groups(recorded, edges, targets, names)
    _name(groups)
    of = {i: group for group in groups for i in group.positions}
    for group in groups:
        for position in group.positions:
            if position != top.position:
                gradient[position] = sum(
                    gradient[e.line.position] * e.value for e in users[position]
                )
        if group.positions != (top.position,):
            values = np.array([gradient[i] for i in group.positions]).reshape(group.shape)
            uses = [users[i] for i in group.positions]
            text, tex = _rule(recorded, group, uses, of)
            said.append(LayerGradient(group.name, text, tex, values, sum(map(len, uses))))
    return said


def _edges_to(recorded: Equations, targets: set[int]) -> dict[int, list[Edge]]:
    leads = set(targets)
    edges: dict[int, list[Edge]] = {}
    for position in recorded.lines:
        found = [e for e in recorded.edges(position) if e.below.tag in leads]
        if found:
            edges[position] = found
            leads.add(position)
    return edges


def _groups(
    recorded: Equations, edges: dict[int, list[Edge]], targets: Sequence[int], names: Sequence[str]
) -> list[_Rank]:
    """Layers from the output down; each after all that reads it."""
    height: dict[int, int] = {}
    for position in reversed(recorded.lines):
        for edge in edges.get(position, ()):
            below = edge.below.tag
            height[below] = max(height.get(below, 0), height.get(position, 0) + 1)
    found: dict[tuple[object, ...], list[int]] = defaultdict(list)
    inputs = set(targets)
    for position in recorded.lines:
        if position in edges and position not in inputs:
            unit, line = recorded.units[position], recorded.lines[position]
            kind = getattr(getattr(line.formula, "op", None), "name", "")
            found[height.get(position, 0), unit.layer, kind].append(position)
    groups = []
    for _, positions in sorted(found.items(), key=lambda item: item[0][0]):  # type: ignore[arg-type, return-value]
        rows = len({recorded.owner[i] for i in positions})
        positions.sort(key=lambda i: (recorded.owner[i], i))
        whole = rows > 1 and len(positions) % rows == 0
        shape: tuple[int, ...] = (rows, len(positions) // rows) if whole else (len(positions),)
        quantities = tuple(recorded.lines[i].result for i in positions)
        groups.append(_Rank(tuple(positions), quantities, shape))
    known = tuple(i for i in targets if i >= 0 and i in height)
    quantities = tuple(Quantity(n, 0.0, i) for i, n in zip(targets, names, strict=True)
                       if i in known)  # fmt: skip
    whole_shape = recorded.shape if len(known) == len(targets) else (len(known),)
    return [*groups, _Rank(known, quantities, whole_shape, True)] if known else groups


def _name(ranks: Sequence[_Rank]) -> None:
    """Give each rank a name that no other has."""
    for rank in ranks:
        rank.name = stem([q.name for q in rank.quantities])
    times = Counter(rank.name for rank in ranks)
    for rank in ranks:
        if times[rank.name] > 1 and not rank.is_input:
            rank.name = _row([q.name for q in rank.quantities])


def _row(names: Sequence[str]) -> str:
    """What elements have in common: z1[3] for z1[3,0] and z1[3,1]; else the first and the last."""
    if len(names) == 1:
        return names[0]
    heads = {name.rpartition(",")[0] for name in names}
    head = heads.pop()
    return f"{head}]" if head and not heads else f"({names[0]}, …, {names[-1]})"


def _rule(
    recorded: Equations, group: _Rank, uses: Sequence[Sequence[Edge]], of: Mapping[int, _Rank]
) -> tuple[str, str]:
    """How the gradients of a layer come from those above it, in text and in LaTeX."""
    above = {id(rank): rank for rank in (of[e.line.position] for use in uses for e in use)}
    shares = [
        _share(recorded, group, [[e for e in use if of[e.line.position] is rank] for use in uses],
               rank)
        for rank in above.values()
    ]  # fmt: skip
    if len(shares) > MOST_SHARES:
        rest = word("and {n} more", recorded.language, n=len(shares) - MOST_SHARES)
        shares = [*shares[:MOST_SHARES], (f"… ({rest})", rf"\ldots \text{{ ({rest})}}")]
    text, tex = zip(*shares, strict=True)
    return " + ".join(text), " + ".join(tex)


def _share(
    recorded: Equations, group: _Rank, uses: Sequence[Sequence[Edge]], above: _Rank
) -> tuple[str, str]:
    """What a layer gains of one above it."""
    edges = [e for use in uses for e in use]
    lines = dict.fromkeys((e.line.position, e.line.result) for e in edges)
    top = recorded.output.result.name
    upper = next(iter(lines))[1].name if len(lines) == 1 else above.name
    local = local_name(upper, group.name, any(e.direct for e in edges), recorded.language)
    local_tex = name(local)
    up, up_tex = local_name(top, upper), name(local_name(top, upper))
    if above.positions == (recorded.output.position,):
        said = "".join(text for text, _ in symbolic(edges[0].slope))
        alone = len(group.positions) == 1 and len(said) <= LONGEST_SLOPE
        return (said, latex(edges[0].slope)) if alone else (local, local_tex)
    factors = [e.slope for e in edges]
    if all(uses) and all(isinstance(f, Quantity) and f.name for f in factors):
        factor = stem([f.name for f in dict.fromkeys(factors)])
        if group.is_input and _is_outer(recorded, group, uses):
            return f"{up}ᵀ · {factor}", rf"{up_tex}^{{\top}} \cdot {name(factor)}"
        if _is_row_times_matrix(recorded, group, uses, len(lines)):
            return f"{up} · {factor}", rf"{up_tex} \cdot {name(factor)}"
    if all(len(use) == 1 for use in uses):
        sign, sign_tex = ("⊙", r"\odot") if len(group.positions) > 1 else ("×", r"\cdot")
        return f"{up} {sign} {local}", f"{up_tex} {sign_tex} {local_tex}"
    return f"Σ {up} × {local}", rf"\sum {up_tex} \cdot {local_tex}"


def _is_row_times_matrix(
    recorded: Equations, group: _Rank, uses: Sequence[Sequence[Edge]], above: int
) -> bool:
    """Whether a row of gradients for each sample is that of the layer above times a matrix."""
    owners = recorded.owner
    rows = group.shape[0] if len(group.shape) > 1 else 1
    own = all(
        owners[e.line.position] == owners[i]
        for i, use in zip(group.positions, uses, strict=True)
        for e in use
    )
    whole = all(len(use) == above / rows for use in uses)
    width = len(uses) // rows
    first = [[e.slope for e in use] for use in uses[:width]]
    return (
        own
        and whole
        and len(uses) == rows * width
        and all([e.slope for e in use] == first[k % width] for k, use in enumerate(uses))
    )


def _is_outer(recorded: Equations, group: _Rank, uses: Sequence[Sequence[Edge]]) -> bool:
    """Whether gradients are sums over samples: those above, transposed, times what was read."""
    if len(group.shape) != 2:
        return False
    columns = group.shape[1]
    first = [[e.slope for e in use] for use in uses[:columns]]
    apart = all(len({recorded.owner[e.line.position] for e in use}) == len(use) for use in uses)
    return apart and all(
        [e.slope for e in use] == first[k % columns]
        and [e.line for e in use] == [e.line for e in uses[k - k % columns]]
        for k, use in enumerate(uses)
    )
