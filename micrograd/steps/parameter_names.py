"""What the parameters and modules of a recorded step are called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from micrograd.engine import Value
from micrograd.nn.module import AnyParameter, Module
from micrograd.optim.optimizer import Optimizer
from micrograd.tape.paths import caller, paths_of, variable_names


def named_modules(model: Any) -> dict[int, str]:
    """The names of the modules that a model is made of, by their ids."""
    if isinstance(model, Module):
        return {id(module): name or "model" for name, module in model.named_modules()}
    found: dict[int, str] = {}
    for prefix, module in _modules_around(model):
        for name, inner in module.named_modules(prefix):
            found.setdefault(id(inner), name)
    return found


def named_parameters(model: Any, loss: Any, optimizer: Optimizer) -> list[tuple[str, AnyParameter]]:
    """The parameters of a model and those that only the optimiser has, each once, with a name.

    A module names its arrays. A single Value is called by its label, or by where it is: in the
    model, in what it or the loss uses, in the caller's variables.
    """
    sources = [("", model)] if isinstance(model, Module) else list(_modules_around(model))
    found = [item for prefix, module in sources for item in module.named_parameters(prefix)]
    listed = [p for _, p in found]
    if not inspect.isroutine(model):
        listed += getattr(model, "parameters", list)()
    listed += [p for group in optimizer.param_groups for p in group["params"]]
    parameters = list({id(p): p for p in listed}.values())

    by_module = {id(p): name for name, p in found if not isinstance(p, Value)}
    places = {} if inspect.isroutine(model) else paths_of(model)
    for name, thing in {**_around(loss), **_around(model)}.items():
        places = paths_of(thing, name) | places
    homeless = {id(p) for p in parameters} - by_module.keys() - places.keys()
    variables = variable_names(caller(), homeless) if homeless else {}
    names: dict[str, AnyParameter] = {}
    for i, p in enumerate(parameters):
        label = p.label if isinstance(p, Value) else ""
        candidates = (label, *(where.get(id(p)) for where in (by_module, places, variables)))
        name = next((name for name in candidates if name and name not in names), f"p{i}")
        names[name] = p
    return list(names.items())


def _modules_around(model: Any) -> Iterator[tuple[str, Module]]:
    return ((name, x) for name, x in _around(model).items() if isinstance(x, Module))


def _around(model: Any) -> dict[str, Any]:
    """What a function uses, or an object that is no Module has, by name."""
    if isinstance(model, Module):
        return {}
    if inspect.isfunction(model):
        used = inspect.getclosurevars(model)
        return {**used.globals, **used.nonlocals}
    return dict(getattr(getattr(model, "__self__", model), "__dict__", {}))
