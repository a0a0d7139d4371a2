"""`Module`: something with parameters that can be called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from micrograd.arrays import Tensor, tensor
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError, MicrogradError
from micrograd.nn.parameter import Parameter
from micrograd.recording import recorder

AnyParameter = Parameter | Value


class Module:
    """Base of all modules; a subclass makes parameters and modules in `__init__`.

    Every attribute that is a Parameter, a Module, or a list of Modules belongs to the module, in
    the order in which it was set. `forward` computes; calling the module calls it.

    >>> from micrograd import nn
    >>> class Network(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer1 = nn.Linear(1, 2)
    ...         self.relu = nn.ReLU()
    ...     def forward(self, x):
    ...         return self.relu(self.layer1(x))
    >>> [name for name, parameter in Network().named_parameters()]
    ['layer1.weight', 'layer1.bias']
    """

    def __call__(self, *inputs: Any) -> Any:
        """Run `forward`; while a step is recorded, in a scope of the module's name."""
        recording = recorder()
        if recording is None:
            return self.forward(*inputs)
        return recording.call(self, self.forward, inputs)

    def forward(self, *inputs: Any) -> Any:
        """What the module computes; a subclass defines it."""
        raise MicrogradError(f"{type(self).__name__} does not define forward()")

    # ---- what belongs to the module --------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one; those of a list are called `name.0` and so on."""
        for name, attribute in vars(self).items():
            if isinstance(attribute, Module):
                yield name, attribute
            elif isinstance(attribute, list | tuple):
                for i, item in enumerate(attribute):
                    if isinstance(item, Module):
                        yield f"{name}.{i}", item

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """The module itself and all below it, each once, with names such as `block.layer1`."""
        seen: set[int] = set()
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module
                below = [(_join(name, part), child) for part, child in module.named_children()]
                stack.extend(reversed(below))

    def own_parameters(self) -> Iterator[tuple[str, AnyParameter]]:
        """The parameters of this module itself, not of those below it."""
        for name, attribute in vars(self).items():
            if isinstance(attribute, Parameter):
                yield name, attribute

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, AnyParameter]]:
        """All parameters, each once, with qualified names such as `layer1.weight`."""
        seen: set[int] = set()
        for module_name, module in self.named_modules(prefix):
            for name, parameter in module.own_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield _join(module_name, name), parameter

    def parameters(self) -> list[AnyParameter]:
        """All parameters, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            if isinstance(parameter, Value):
                parameter.zero_grad()
            else:
                parameter.grad = None

    # ---- saving and restoring --------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
        """The numbers of every parameter, by qualified name."""
        return {
            name: np.array(p.data) if isinstance(p, Value) else p.numpy()
            for name, p in self.named_parameters()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter from `state`; on any error the model is as before.

        Raises an ArgumentValueError if a name is missing or unknown or a shape differs.
        """
        if not isinstance(state, Mapping):
            raise ArgumentTypeError(f"state must be a mapping, got {type(state).__name__}")
        parameters = dict(self.named_parameters())
        missing, unknown = sorted(parameters.keys() - state), sorted(state.keys() - parameters)
        if missing or unknown:
            raise ArgumentValueError(
                f"the model has {', '.join(parameters)}; "
                f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
            )
        new = {name: _checked(name, state[name], p) for name, p in parameters.items()}
        for name, p in parameters.items():
            p.data = float(new[name]) if isinstance(p, Value) else new[name]

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}" for name, child in self.named_children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        text = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {text}\n)"

    def extra_repr(self) -> str:
        """What `repr` shows between the brackets of a module with no modules below it."""
        return ""


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _checked(name: str, new: Any, parameter: AnyParameter) -> np.ndarray[Any, Any]:
    shape = () if isinstance(parameter, Value) else parameter.shape
    try:
        array = (new if isinstance(new, Tensor) else tensor(new)).numpy()
    except MicrogradError as error:
        raise ArgumentValueError(f"{name}: {error}") from None
    if array.shape != shape:
        raise ArgumentValueError(f"{name} must have the shape {shape}, got {array.shape}")
    return array
