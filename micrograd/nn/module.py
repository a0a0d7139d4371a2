"""`Module`: something with parameters that can be called."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from micrograd.engine import Value
from micrograd.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    MicrogradError,
    no_attribute,
)
from micrograd.interrupts import whole
from micrograd.nn.parameter import Parameter
from micrograd.tape.modules import recorder
from micrograd.tensors.backward import Handle
from micrograd.tensors.tensor import Tensor, tensor
from micrograd.tensors.zeroing import zero_all

AnyParameter = Parameter | Value


class Parameters(list[AnyParameter]):
    """A list of parameters; `next` gives one after the other, as of torch's iterator."""

    _given = 0

    def __next__(self) -> AnyParameter:
        if self._given >= len(self):
            raise StopIteration
        self._given += 1
        return self[self._given - 1]


class Buffer(Tensor):
    """An array that belongs to a module's state and is not trained."""

    __slots__ = ()


_NAMES_SHOWN = 20  # in an error

# What torch's modules have and these do not: what to use.
INSTEAD = {
    "register_full_backward_hook": "viz.gradient_diagram(step) and step.table() show gradients",
    "register_backward_hook": "viz.gradient_diagram(step) and step.table() show gradients",
    "share_memory": "remove it",
    "compile": "micrograd.compile(fn) takes a function of the inputs",
}


class NoForwardError(MicrogradError, NotImplementedError):
    """A module that does not say what it computes."""


class Unfitting(NamedTuple):
    """What a state and a model do not have in common."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        fits = "<All keys matched successfully>"
        return f"missing {self[0]}, unexpected {self[1]}" if any(self) else fits


_changes = [0]


def attributes_set() -> int:
    """How often an attribute of any module has been set or deleted: what watches them asks."""
    return _changes[0]


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

    # Of the class, so that a subclass whose `__init__` forgets `super().__init__()` has it too.
    training: bool = True

    def __setattr__(self, name: str, value: Any) -> None:
        _changes[0] += 1
        if isinstance(vars(self).get(name), Parameter) and not (
            value is None or isinstance(value, Parameter | Module)
        ):
            raise ArgumentTypeError(
                f"cannot assign '{type(value).__name__}' as parameter '{name}' (nn.Parameter or "
                f"None expected): write nn.Parameter(…), or set its numbers: {name}.data = …"
            )
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _changes[0] += 1
        super().__delattr__(name)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Run `forward`; while a step is recorded, in a scope of the module's name."""
        recording = recorder()
        if recording is None and "_forward_hooks" not in vars(self):
            return self.forward(*inputs, **named)
        run = self._hooked if "_forward_hooks" in vars(self) else self.forward
        return (
            run(*inputs, **named) if recording is None else recording.call(self, run, inputs, named)
        )

    def _hooked(self, *inputs: Any, **named: Any) -> Any:
        before, after = vars(self)["_forward_hooks"]
        for hook in list(before):
            changed = hook(self, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*inputs, **named)
        for hook in list(after):
            changed = hook(self, inputs, output)
            output = output if changed is None else changed
        return output

    def register_forward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, inputs, output)` after each call; it may return another output."""
        return self._hook(hook, 1)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, inputs)` before each call; it may return other inputs."""
        return self._hook(hook, 0)

    def _hook(self, hook: Callable[..., Any], place: int) -> Handle:
        hooks: list[Any] = vars(self).setdefault("_forward_hooks", ([], []))[place]
        hooks.append(hook)
        _changes[0] += 1
        return Handle(hooks, hook)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the module computes; a subclass defines it."""
        raise NoForwardError(f"{type(self).__name__} does not define forward()")

    def __getattr__(self, name: str) -> Any:
        if name not in INSTEAD:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise no_attribute(f"{type(self).__name__!r} object", name, INSTEAD[name])

    # ---- what a subclass may call ----------------------------------------------------------------

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Let an array be part of the state, and not trained; None reserves a name."""
        if tensor is not None:
            buffer = Buffer(tensor._values)
            buffer._kind = tensor._kind
            tensor = buffer
        if not persistent:
            vars(self).setdefault("_not_saved", set()).add(name)
        setattr(self, name, tensor)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """`setattr` of a parameter."""
        setattr(self, name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """`setattr` of a module; the name need not be an identifier."""
        setattr(self, name, module)

    register_module = add_module

    # ---- what belongs to the module --------------------------------------------------------------

    def _places(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, one that has two names with both of them."""
        for name, attribute in vars(self).items():
            if isinstance(attribute, Module):
                yield name, attribute
            elif isinstance(attribute, list | tuple):
                for i, item in enumerate(attribute):
                    if isinstance(item, Module):
                        yield f"{name}.{i}", item

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, each once; `name.0` and so on those of a list."""
        seen: set[int] = set()
        for name, module in self._places():
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, each once."""
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

    def modules(self) -> Iterator[Module]:
        """The module itself and all below it, each once."""
        return (module for _, module in self.named_modules())

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call `fn` with every module below this one and then with this one; returns the module.

        >>> from micrograd import nn
        >>> _ = nn.Sequential(nn.Tanh(), nn.ReLU()).apply(lambda m: print(type(m).__name__))
        Tanh
        ReLU
        Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set `training` of this module and of all below it; returns the module.

        It means something to modules that compute differently in training. Raises an
        ArgumentTypeError unless `mode` is a bool.

        >>> from micrograd import nn
        >>> model = nn.Sequential(nn.Linear(1, 1)).eval()
        >>> model.training, model[0].training
        (False, False)
        """
        if not isinstance(mode, bool):
            raise ArgumentTypeError(f"mode must be True or False, got {mode!r:.80}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """`train(False)`."""
        return self.train(False)

    # ---- parameters ------------------------------------------------------------------------------

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

    def parameters(self, recurse: bool = True) -> Parameters:
        """All parameters, each once."""
        found = self.named_parameters() if recurse else self.own_parameters()
        return Parameters(parameter for _, parameter in found)

    def own_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """The buffers of this module itself, not of those below it."""
        for name, attribute in vars(self).items():
            if isinstance(attribute, Buffer):
                yield name, attribute

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Buffer]]:
        """All buffers, with qualified names."""
        for module_name, module in self.named_modules(prefix):
            for name, buffer in module.own_buffers():
                yield _join(module_name, name), buffer

    def buffers(self) -> Iterator[Buffer]:
        """All buffers."""
        return (buffer for _, buffer in self.named_buffers())

    def get_submodule(self, target: str) -> Module:
        """The module of a qualified name."""
        return dict(self.named_modules())[target]

    def get_parameter(self, target: str) -> AnyParameter:
        """The parameter of a qualified name."""
        return dict(self.named_parameters())[target]

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters require gradients, or not: those that do not are not updated."""
        for parameter in self.parameters():
            if isinstance(parameter, Tensor):
                parameter.requires_grad_(requires_grad)
        return self

    def to(self, *args: Any, **named: Any) -> Self:
        """Nothing, for the CPU and kinds of floats; an ArgumentValueError for other devices."""
        tensor(0.0).to(*args, **named)
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raises an ArgumentValueError: there is the CPU only."""
        return self.to("cuda")

    def cpu(self) -> Self:
        """The module itself: everything is on the CPU."""
        return self

    float = double = half = cpu  # floats are float64

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; unless `set_to_none`, they are 0 afterwards."""
        zero_all(self.parameters(), set_to_none)

    # ---- saving and restoring --------------------------------------------------------------------

    def _named_state(self) -> Iterator[tuple[str, AnyParameter | Buffer]]:
        """The parameters by name, one that has two names with both of them, as in torch."""
        stack: list[tuple[str, Module, frozenset[int]]] = [("", self, frozenset())]
        while stack:
            name, module, above = stack.pop()
            if id(module) in above:
                continue
            unsaved = vars(module).get("_not_saved", ())
            for part, parameter in (*module.own_parameters(), *module.own_buffers()):
                if part not in unsaved:
                    yield _join(name, part), parameter
            within = above | {id(module)}
            below = [(_join(name, part), child, within) for part, child in module._places()]
            stack.extend(reversed(below))

    def state_dict(self) -> OrderedDict[str, Tensor]:
        """The numbers of every parameter and buffer, by qualified name; new arrays.

        A parameter with two names (shared weights) is there with both.
        """
        return OrderedDict(
            (name, tensor(p.data) if isinstance(p, Value) else tensor(p.numpy()))
            for name, p in self._named_state()
        )

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Unfitting:
        """Set every parameter from `state`; on any error the model is as before.

        Which names were missing, and which unexpected, is returned.

        Raises an ArgumentValueError if a shape differs or, unless `strict` is False, if a name is
        missing or unknown; an ArgumentTypeError if `state` is not a mapping.
        """
        if not isinstance(state, Mapping):
            raise ArgumentTypeError(f"state must be a mapping, got {type(state).__name__}")
        parameters = dict(self._named_state())
        missing = sorted(parameters.keys() - state)
        unknown = sorted(state.keys() - parameters, key=str)
        if strict and (missing or unknown):
            raise ArgumentValueError(
                f"the model has {_listed(parameters)}; "
                f"missing: {_listed(missing)}; unknown: {_listed(unknown)}"
            )
        present = {name: p for name, p in parameters.items() if name in state}
        new = {name: _checked(name, state[name], p) for name, p in present.items()}

        def write() -> None:
            for name, p in present.items():
                p.data = float(new[name]) if isinstance(p, Value) else new[name]

        whole(write)
        return Unfitting(missing, unknown)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        below = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self._places()]
        if len(lines) + len(below) == 0 or (len(lines) == 1 and not below):
            return f"{type(self).__name__}({extra})"
        text = "\n  ".join(lines + below)
        return f"{type(self).__name__}(\n  {text}\n)"

    def extra_repr(self) -> str:
        """What `repr` shows of the module's settings."""
        return ""


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _listed(names: Collection[object]) -> str:
    """The first names and how many more there are."""
    shown = ", ".join(map(str, list(names)[:_NAMES_SHOWN])) or "none"
    rest = len(names) - _NAMES_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def _checked(name: str, new: Any, parameter: AnyParameter | Buffer) -> np.ndarray[Any, Any]:
    shape = () if isinstance(parameter, Value) else tuple(parameter.shape)
    try:
        array = (new if isinstance(new, Tensor) else tensor(new)).numpy()
    except MicrogradError as error:
        raise ArgumentValueError(f"{name}: {error}") from None
    if array.shape != shape:
        raise ArgumentValueError(f"{name} must have the shape {shape}, got {array.shape}")
    return array
