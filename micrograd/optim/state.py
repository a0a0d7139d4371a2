"""An optimiser's state as plain data: one array a parameter, and back to one number a scalar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.errors import ArgumentValueError

ParamGroup = dict[str, Any]
State = dict[str, Any]

# Options that rules have in common, or that only say how a rule is carried out.
TAKEN = frozenset({"initial_lr", "dense", "maximize"})
OF_ANY = TAKEN | {"params", "lr", "weight_decay", "decoupled_weight_decay"}


def scalars(params: Iterable[Any]) -> Iterator[Value]:
    """The single Values of parameters."""
    for p in params:
        if isinstance(p, Value):
            yield p
        else:
            yield from p._values.flat


def gathered(p: Any, state: Mapping[Value, State]) -> dict[str, Any]:
    """The state of a parameter's scalars as arrays of its shape; the step count as one number."""
    values = list(scalars([p]))
    if values[0] not in state:
        return {}
    gathered: dict[str, Any] = {}
    for name in state[values[0]]:
        numbers = np.array([state[v][name] for v in values])
        shaped = numbers if isinstance(p, Value) else numbers.reshape(p.shape)
        gathered[name] = float(numbers[0]) if name == "step" else shaped
    return gathered


def spread(p: Any, saved: Mapping[str, Any], name: str) -> dict[Value, State]:
    """The reverse of `gathered`; `name` is for the error about a wrong size."""
    values = list(scalars([p]))
    state: dict[Value, State] = {v: {} for v in values} if saved else {}
    for key, given in saved.items():
        if given is None:  # torch's, of a rule that keeps nothing
            continue
        try:
            numbers = np.asarray(given, dtype=np.float64).ravel()
        except (TypeError, ValueError):
            raise ArgumentValueError(f"{name}[{key!r}] must hold numbers, got {given!r}") from None
        if key != "step" and numbers.size != len(values):
            raise ArgumentValueError(
                f"{name}[{key!r}] must hold {len(values)} numbers, got {numbers.size}"
            )
        for v, x in zip(values, np.resize(numbers, len(values)).tolist(), strict=True):
            state[v][key] = x
    return state


def checked_state(
    saved: Mapping[str, Any], param_groups: list[ParamGroup]
) -> tuple[list[ParamGroup], dict[int, Any]]:
    """The groups and states of a state_dict, if it fits these groups."""
    try:
        groups = list(saved["param_groups"])
        state = {int(i): dict(s) for i, s in saved["state"].items()}
        sizes = [len(group["params"]) for group in groups]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArgumentValueError(f"not a state_dict of an optimiser: {error!r}") from None
    wanted = [len(group["params"]) for group in param_groups]
    if sizes != wanted:
        raise ArgumentValueError(
            f"the optimiser has groups of {wanted} parameters, the state_dict of {sizes}"
        )
    beyond = [i for i in state if not 0 <= i < sum(wanted)]
    if beyond:
        raise ArgumentValueError(
            f"state[{beyond[0]}] is of no parameter: the optimiser has {sum(wanted)}"
        )
    return groups, state


def check_options(kind: str, own: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Raise an error about options that are those of another rule; there may be none at all.

    What is None or False there is a choice that was not made, such as torch's `foreach`.
    """
    known = own.keys() | OF_ANY
    other = [name for name, given in saved.items()
             if name not in known and given is not None and given is not False]  # fmt: skip
    named = saved.keys() & own.keys() - OF_ANY
    missing = [name for name in own if name not in saved and name not in OF_ANY]
    if other or (named and missing):
        said = f"has {other[0]}" if other else f"lacks {missing[0]}"
        raise ArgumentValueError(
            f"the state_dict {said}, so it is of another optimiser: {kind} has "
            f"{', '.join(name for name in own if name not in OF_ANY)}"
        )


def check_kept(kind: str, wanted: Iterable[str], state: Mapping[int, Mapping[str, Any]]) -> None:
    """Raise an error if of what a rule keeps there is nothing, but something else."""
    own = set(wanted) - {"step"}
    for i, kept in state.items():
        found = [name for name in kept if name != "step"]
        if own and found and not own & set(found):
            raise ArgumentValueError(
                f"state[{i}] has {', '.join(found)}, so it is of another optimiser: {kind} keeps "
                f"{', '.join(sorted(own))}"
            )
