"""Modules that hold others, and parameters: in a row, in lists, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from micrograd.errors import ArgumentTypeError
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter
from micrograd.tensors.dtypes import float32, get_default_dtype


class Sequential(Module):
    """Runs modules one after the other; they are called `0`, `1` and so on.

    >>> from micrograd import nn
    >>> nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    Sequential(
      (0): Linear(in_features=1, out_features=2, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                setattr(self, name, module)
            return
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise ArgumentTypeError(f"item {i} must be a Module, got {type(module).__name__}")
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        """The output of the last module."""
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._places())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int | slice) -> Module:
        """One module; for a slice, a Sequential of several with the names that they had."""
        if not isinstance(index, slice):
            return list(self._places())[index][1]
        row = Sequential()
        for name, module in list(self._places())[index]:
            setattr(row, name, module)
        return row

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, list(self._places())[index][0], module)

    def append(self, module: Module) -> Sequential:
        """Put a module behind the others; returns the Sequential."""
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Sequential:
        """Put modules behind the others; returns the Sequential."""
        for module in modules:
            self.append(module)
        return self


class ModuleList(Module):
    """Modules in a list; they are called `0`, `1` and so on.

    >>> from micrograd import nn
    >>> nn.ModuleList([nn.Linear(1, 2) for _ in range(2)])
    ModuleList(
      (0-1): 2 x Linear(in_features=1, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """Put a module behind the others; returns the list."""
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Put modules behind the others; returns the list."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at the index."""
        modules = list(self)
        modules.insert(index, module)
        for i, m in enumerate(modules):
            setattr(self, str(i), m)

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._places())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return ModuleList(list(self)[index])
        return list(self)[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(range(len(self))[index]), module)

    def __repr__(self) -> str:
        texts = [repr(module) for module in self]
        lines, start = [], 0
        for i in range(1, len(texts) + 1):
            if i < len(texts) and texts[i] == texts[start]:
                continue
            name = f"({start})" if i == start + 1 else f"({start}-{i - 1})"
            many = "" if i == start + 1 else f"{i - start} x "
            lines.append(f"{name}: {many}{texts[start]}".replace("\n", "\n  "))
            start = i
        inner = "\n  ".join(lines)
        return f"{type(self).__name__}(\n  {inner}\n)" if lines else f"{type(self).__name__}()"


class ModuleDict(Module):
    """Modules by name."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        self.update(modules or {})

    def update(self, modules: Any) -> None:
        """Put in the modules of a mapping, or of pairs."""
        for name, module in dict(modules).items():
            setattr(self, name, module)

    def __getitem__(self, name: str) -> Any:
        return dict(self._places())[name]

    def __setitem__(self, name: str, module: Module) -> None:
        setattr(self, name, module)

    def __contains__(self, name: str) -> bool:
        return name in dict(self._places())

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._places()))

    def __len__(self) -> int:
        return len(dict(self._places()))

    def keys(self) -> Iterable[str]:
        """The names."""
        return dict(self._places()).keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return dict(self._places()).values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return dict(self._places()).items()


class ParameterList(Module):
    """Parameters in a list; they are called `0`, `1` and so on. Arrays become parameters."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        for value in values:
            self.append(value)

    def append(self, value: Any) -> ParameterList:
        """Put a parameter behind the others; returns the list."""
        setattr(self, str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self

    def __iter__(self) -> Iterator[Any]:
        return (parameter for _, parameter in self.own_parameters())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int) -> Any:
        return list(self)[index]

    def __setitem__(self, index: int, value: Any) -> None:
        made = value if isinstance(value, Parameter) else Parameter(value)
        setattr(self, str(range(len(self))[index]), made)

    def extra_repr(self) -> str:
        """As in torch."""
        sort = "torch.float32" if get_default_dtype() is float32 else "torch.float64"
        return "\n".join(
            f"  ({name}): Parameter containing: [{sort} of size {'x'.join(map(str, p.shape))}]"
            for name, p in self.own_parameters()
            if isinstance(p, Parameter)
        )


class ParameterDict(Module):
    """Parameters by name. Arrays become parameters."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        for name, value in dict(parameters or {}).items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value if isinstance(value, Parameter) else Parameter(value))

    def __getitem__(self, name: str) -> Any:
        return dict(self.own_parameters())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.own_parameters()))

    def __len__(self) -> int:
        return len(dict(self.own_parameters()))

    def __contains__(self, name: str) -> bool:
        return name in dict(self.own_parameters())

    def keys(self) -> Iterable[str]:
        """The names."""
        return dict(self.own_parameters()).keys()

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return dict(self.own_parameters()).values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and parameters."""
        return dict(self.own_parameters()).items()
