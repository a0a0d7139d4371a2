"""A module of torch's that somebody wrote, run here: the operations that torch.fx finds in it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import micrograd
from micrograd.nn import functional
from micrograd.nn.module import Module
from micrograd.tensors.tensor import Tensor


def function_for(target: Any) -> Callable[..., Any] | None:
    """The function here that is a function of torch's, by its name; None if there is none."""
    name = getattr(target, "__name__", "")
    home = str(getattr(target, "__module__", "") or "")
    if home in ("_operator", "operator", "builtins", "math") or target in vars(operator).values():
        return target  # type: ignore[no-any-return]
    places = (functional, micrograd) if "functional" in home else (micrograd, functional)
    for place in places:
        found = getattr(place, name, None)
        if found is not None:
            return found  # type: ignore[no-any-return]
    return None


def unsupported(graph: Any) -> Iterator[str]:
    """The operations of a graph that are not here."""
    for node in graph.nodes:
        if node.op == "call_function" and function_for(node.target) is None:
            yield f"the function {getattr(node.target, '__name__', node.target)}"
        if node.op == "call_method" and not hasattr(Tensor, node.target):
            yield f"the method Tensor.{node.target}"


class TracedModule(Module):
    """Runs a recorded list of operations; its modules and parameters have torch's names.

    `kind` is the name of the class that it was made from.
    """

    def __init__(self, kind: str, operations: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self.kind = kind
        self._operations = operations

    def forward(self, *inputs: Any) -> Any:
        """What the operations compute of the inputs."""
        results: dict[str, Any] = {}
        given = iter(inputs)
        for name, op, target, args, named in self._operations:
            if op == "placeholder":
                results[name] = next(given, *args)
                continue
            values = _filled(args, results)
            options = _filled(named, results)
            if op == "output":
                return values[0]
            if op == "get_attr":
                results[name] = _at(self, target)
            elif op == "call_module":
                results[name] = _at(self, target)(*values, **options)
            elif op == "call_method":
                results[name] = getattr(values[0], target)(*values[1:], **options)
            else:
                results[name] = target(*values, **options)
        return None

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, self.kind, 1)


class Earlier:
    """The result of an earlier operation, by its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def _filled(x: Any, results: dict[str, Any]) -> Any:
    if isinstance(x, Earlier):
        return results[x.name]
    if isinstance(x, slice):
        return slice(*(_filled(part, results) for part in (x.start, x.stop, x.step)))
    if isinstance(x, tuple | list):
        return type(x)(_filled(part, results) for part in x)
    if isinstance(x, dict):
        return {key: _filled(part, results) for key, part in x.items()}
    return x


def _at(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module
