"""Which groups are no array operations of their own, but part of the formula of their user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.schedule import Group, operands
from micrograd.compiler.codes import NONE, Ids, distinct
from micrograd.compiler.explain.forward import Forward
from micrograd.compiler.explain.views import TermLoop
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER, ROW, SUM

MOST_VIEWS = 5  # in one formula


@dataclass(frozen=True, slots=True, eq=False)
class Inlined:
    """Groups without a formula of their own, by number.

    `alias` says which are copies; `derived` are those that were not recorded, as 1 / y for x / y.
    """

    alias: list[bool]
    derived: frozenset[int]
    groups: frozenset[int]


def inlined(forward: Forward, readings: Sequence[Sequence[TermLoop]], recorded: bool) -> Inlined:
    """What is written into the formula of its user.

    Steps that only one other step uses, element by element. With `recorded`, what was recorded as a
    function of numbers, sums and groups that are pinned stay by themselves; but not the total of a
    loss within a mean.
    """
    groups, of = forward.groups, forward.of
    users: list[list[tuple[int, Ids]]] = [[] for _ in groups]
    for k, group in enumerate(groups):
        for ids in operands(group):
            for j in distinct(of[ids]).tolist():
                users[j].append((k, ids))
    alias = [_is_copy(forward, group) for group in groups]
    derived = {k for k in range(len(groups)) if recorded and _is_derived(forward, groups[k])}
    outputs = set(of[forward.leaves.outputs].tolist())
    views = [len({id(v) for r in own for v in r.views}) for own in readings]
    heavy = [is_heavy(group, own) for group, own in zip(groups, readings, strict=True)]
    found: set[int] = set()
    for j, group in enumerate(groups):  # sources come first
        if not (group.terms or group.args) or j in outputs or not users[j]:
            continue
        if group.constant is not None or alias[j] or j in derived:
            found.add(j)
            continue
        k, ids = users[j][0]
        squared = len(users[j]) == 2 and np.array_equal(ids, users[j][1][1])
        total = heavy[j] and len(group.nodes) == 1 and _is_linear(groups[k])
        alone = recorded and (
            (heavy[j] and not total)
            or group.kind == ROW
            or group.pinned
            or k in derived
            or (not squared and any(terms.v is not None for terms in groups[k].terms))
        )
        alone &= not (alias[k] and (k in outputs or not users[k]))  # which has no other formula
        if len({k for k, _ in users[j]}) > 1 or alone:
            continue
        if len(users[j]) > 1 and not squared:
            continue
        whole = source_of(forward, groups[k], ids) == j
        whole |= not heavy[j] and not groups[k].ragged and np.array_equal(
            ids.ravel(), group.nodes) and group.lanes >= groups[k].lanes  # fmt: skip
        both = heavy[j] and heavy[k] and not (recorded and total)
        fits = views[j] + views[k] - 1 <= MOST_VIEWS and not both
        within = heavy[k] and views[k] > 1 and not squared and not (recorded and total)
        if whole and fits and not within:
            found.add(j)
            views[k] += views[j] - 1
            heavy[k] |= heavy[j]
    return Inlined(alias, frozenset(derived), frozenset(found))


def is_heavy(group: Group, readings: Sequence[TermLoop]) -> bool:
    """Whether a group sums, or looks for the largest."""
    return group.reduced or any(r.summed or r.lengths[1] for r in readings)


def source_of(forward: Forward, group: Group, ids: Ids | None) -> int:
    """The group of results that an operand is, element by element; -1 if there is none."""
    if ids is None or ids.size != len(group.nodes):
        return NONE
    k = int(forward.of[ids.flat[0]])
    source = forward.groups[k]
    if source.kind in (PARAMETER, INPUT, CONSTANT) or source.lanes != group.lanes:
        return NONE
    return k if np.array_equal(ids.ravel(), source.nodes) else NONE


def _is_copy(forward: Forward, group: Group) -> bool:
    if group.kind != SUM or group.constant is not None or len(group.terms) != 1:
        return False
    (terms,) = group.terms
    plain = terms.v is None and terms.u is not None and terms.c == 1 and terms.node is None
    return plain and not group.reduced and source_of(forward, group, terms.u) >= 0


def _is_linear(group: Group) -> bool:
    """Whether a group is a sum of other groups, each times a number."""
    return group.kind == SUM and all(terms.v is None for terms in group.terms)


def _is_derived(forward: Forward, group: Group) -> bool:
    return group.kind == ROW and bool((forward.origin[group.nodes] < 0).all())
