"""Parameters from a file: what `micrograd.save` writes, or a plain JSON object by names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from micrograd.commands.arguments import finite
from micrograd.errors import ArgumentValueError
from micrograd.training.saving import FORMAT, load

WANTED = '{"layer1.weight": [[…]], "layer1.bias": […], …}'

StateDict = dict[str, Any]


def read_parameters(path: Path) -> StateDict:
    """The parameters in a file, by the names of `article.Network`.

    Layers of other names, such as those of a Sequential, are counted in the file's order. Raises an
    ArgumentValueError if the file holds no such thing, an OSError if it cannot be read.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ArgumentValueError(f"{path} must be a file, got a device or a pipe")
    state = load(path) if path.suffix.lower() == ".npz" else _from_json(path)
    if not isinstance(state, Mapping):
        raise ArgumentValueError(f"{path} must hold {WANTED}, got a {type(state).__name__}")
    for name, numbers in state.items():
        if isinstance(numbers, np.ndarray) and not np.isfinite(numbers).all():
            raise ArgumentValueError(f"{path} must hold finite numbers, {name} does not")
    return _renamed(state)


def _from_json(path: Path) -> Any:
    text = path.read_bytes()
    try:
        content = json.loads(text.decode("utf-8"), parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError, argparse.ArgumentTypeError) as error:
        raise ArgumentValueError(f"{path} is not a JSON file of parameters: {error}") from None
    if isinstance(content, dict) and content.get("format") == FORMAT:
        return load(path)
    return content


def _renamed(state: Mapping[Any, Any]) -> StateDict:
    """`0.weight`, `0.bias`, `2.weight` as `layer1.weight`, `layer1.bias`, `layer2.weight`."""
    names = [str(name) for name in state]
    layers = dict.fromkeys(name.rpartition(".")[0] for name in names)
    known = {f"layer{k + 1}" for k in range(len(layers))}
    pairs = all(name.rpartition(".")[2] in ("weight", "bias") for name in names)
    if not pairs or layers.keys() == known:
        return {name: state[name] for name in state}
    number = {layer: f"layer{k + 1}" for k, layer in enumerate(layers)}
    parts = [name.rpartition(".") for name in names]
    return {
        f"{number[layer]}.{last}": numbers
        for (layer, _, last), numbers in zip(parts, state.values(), strict=True)
    }


def sizes_of(state: StateDict, path: Path) -> tuple[int, ...]:
    """The units of each layer, as the shapes of the weights have them."""
    sizes: list[int] = []
    for k in range(1, len(state) + 1):
        if f"layer{k}.weight" not in state:
            break
        outputs, inputs = _shape(state[f"layer{k}.weight"], f"layer{k}.weight", path)
        if sizes and sizes[-1] != inputs:
            raise ArgumentValueError(
                f"{path}: layer{k}.weight takes {inputs} numbers, layer{k - 1} gives {sizes[-1]}"
            )
        sizes = [*(sizes or [inputs]), outputs]
    if not sizes:
        raise ArgumentValueError(
            f"{path} must hold {WANTED} or what save(model.state_dict(), …) wrote, "
            f"got the names {', '.join(map(str, state)) or 'of nothing':.100}"
        )
    return tuple(sizes)


def _shape(weight: Any, name: str, path: Path) -> tuple[int, int]:
    try:
        outputs, inputs = np.shape(weight)
    except ValueError:  # ragged, or of other axes
        outputs = inputs = 0
    if not outputs or not inputs:
        raise ArgumentValueError(f"{path}: {name} must be rows of numbers, a row for each unit")
    return outputs, inputs
