"""An optimiser's state as plain data: one array a parameter, and back to one number a scalar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.errors import ArgumentValueError

ParamGroup = dict[str, Any]
State = dict[str, Any]


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
        numbers = np.asarray(given, dtype=np.float64).ravel()
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
    return groups, state
