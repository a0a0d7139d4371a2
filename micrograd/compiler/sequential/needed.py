"""What a loop has to leave in memory: what is read where it is in no register."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.codes import Ids, Mask
from micrograd.compiler.nest.ir import Affine, Listed
from micrograd.compiler.nest.sequence import Scalars, addresses
from micrograd.compiler.sequential.loops import Rolled, TurnOf, columns


def needed(part: Scalars, base: int, loops: list[Rolled], turns: TurnOf, same: Ids,
           roots: Ids) -> list[Mask]:  # fmt: skip
    """For each loop which statements of its body are stored in every turn.

    Those are read by others than the same turn and the next, and not only as the last turn left
    them; `roots` are read at last.
    """
    direct = _direct(part, loops, same)
    store = np.zeros(len(part), bool)
    last = np.array([loop.turns - 1 for loop in loops])
    for user, used, registers in direct:
        at = used - base
        inner = (at >= 0) & (at < len(part))
        user, at, registers = user[inner], at[inner], registers[inner]
        inner = turns.loop[at] >= 0
        user, at, registers = user[inner], at[inner], registers[inner]
        apart = turns.turn[user] - turns.turn[at]
        together = (turns.loop[user] == turns.loop[at]) & registers & ((apart == 0) | (apart == 1))
        left = (turns.loop[user] != turns.loop[at]) & (turns.turn[at] == last[turns.loop[at]])
        store[at[~together & ~left]] = True
    at = roots[turns.loop[roots] >= 0]
    store[at[turns.turn[at] != last[turns.loop[at]]]] = True
    for loop in loops:
        for s in loop.sums:
            for x in s.inputs:
                _note(x, loop, part, base, turns, store)
    stored = (store[loop.start : loop.end].reshape(loop.turns, -1) for loop in loops)
    return [np.asarray(x.any(0)) for x in stored]


def _note(
    x: Affine | Listed, loop: Rolled, part: Scalars, base: int, turns: TurnOf, store: Mask
) -> None:
    """Store what is read by what is added up, but for what the same turn made."""
    at = addresses(x, (loop.turns,)) - base
    count = np.arange(loop.turns)
    inner = (at >= 0) & (at < len(part))
    at, count = at[inner], count[inner]
    own = (at >= loop.start) & (at < loop.end) & (turns.turn[at] == count)
    own &= isinstance(x, Affine)
    store[at[~own]] = True


def _direct(part: Scalars, loops: list[Rolled], same: Ids) -> list[tuple[Ids, Ids, Mask]]:
    """(user, used, whether it is found in a register if it is of this turn or the one before)."""
    of_u, of_v = np.zeros(len(part.u), bool), np.zeros(len(part.u), bool)
    of_args = np.zeros(part.args.shape, bool)
    for loop in loops:
        if loop.ragged:
            continue
        found = columns(part, loop, same)
        even = (np.diff(found, axis=0) == loop.period).all(0)
        i, width = part.first[loop.start], (found.shape[1] - 3 * loop.period) // 2
        j = i + width * loop.turns
        of_u[i:j] = np.tile(even[:width], loop.turns)
        of_v[i:j] = np.tile(even[width : 2 * width], loop.turns)
        of_args[loop.start : loop.end] = np.tile(
            even[2 * width :].reshape(loop.period, 3), (loop.turns, 1)
        )
    users, places = np.nonzero(part.args >= 0)
    owner = part.owner
    return [
        (owner, part.u, of_u), (owner, part.v, of_v),
        (users, part.args[users, places], of_args[users, places]),
    ]  # fmt: skip
