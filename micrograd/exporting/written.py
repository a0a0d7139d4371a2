"""What a target makes of a program: text, arrays, and functions to check it with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A program in another language.

    `parameters` are its arrays now, and `members` the parameters that their elements are, by their
    numbers in the recording and in C order. `files` are the contents of a saved export, by what
    follows its name (`.py`, `.npz`). `loss(parameters, *inputs)` runs the text;
    `gradient(parameters, *inputs)` gives the loss and a derivative of the shape of each parameter,
    and is None where the target has none. `files_named(name)` are the files of an export that is
    saved under a name, where that is in them.
    """

    source: str
    parameters: Arrays
    members: Mapping[str, Ids]
    files: Mapping[str, bytes]
    loss: Callable[..., Any]
    gradient: Callable[..., tuple[Any, Arrays]] | None = None
    free_samples: tuple[int, ...] = ()  # arguments whose leading axis may have any length
    loops: bool = False  # whether it has loops over what the function repeats
    tolerance: float = 1e-12
    header: str = ""  # the text of another file that `source` needs
    as_called: bool = False  # whether functions take the arguments as the function has them
    files_named: Callable[[str], Mapping[str, bytes]] | None = None
    others: dict[str, Any] = field(default_factory=dict)  # what else a target keeps
