"""Runs a script written for torch: there, in float64, and here, with its imports changed."""

from __future__ import annotations

import contextlib
import io
import math
import random
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import micrograd
from micrograd.tensors.printing import set_printoptions

SCRIPTS = sorted((Path(__file__).parent / "torch_scripts").glob("*.py"))
# What `sed` does to a script: see docs/torch.md.
IMPORTS = (
    (r"^(\s*)import torch(,|$)", r"\1import micrograd as torch\2"),
    (r"^(\s*import .*), torch\.", r"\1, micrograd."),
    (r"^(\s*)(import|from) torch\b(?!vision)", r"\1\2 micrograd"),
)
# What makes torch's numbers float64, as ours always are.
FLOAT64 = (
    (r"torch\.float32\b|torch\.float\b", "torch.float64"),
    (r"\.float\(\)", ".double()"),
    (r"torch\.FloatTensor\b", "torch.DoubleTensor"),
    (r"np\.float32\b", "np.float64"),
    (r"torch\.int32\b", "torch.int64"),
    (r"\.int\(\)", ".long()"),
)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\binf\b|\bnan\b)")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def changed(source: str, rules: Any) -> str:
    for pattern, new in rules:
        source = re.sub(pattern, new, source, flags=re.MULTILINE)
    return source


def run(source: str, library: Any) -> tuple[list[str], dict[str, Any]]:
    """The lines that the script prints, and its names."""
    random.seed(0)
    np.random.seed(0)
    library.set_default_dtype(library.float64)
    library.manual_seed(0)
    out, names = io.StringIO(), {"__name__": "__main__"}
    try:
        with contextlib.redirect_stdout(out), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(compile(source, "<script>", "exec"), names)
        for warning in caught:
            print(f"{warning.category.__name__}: {warning.message}", file=out)
    finally:
        library.set_default_dtype(library.float32)
        set_printoptions(profile="default")
        torch.set_printoptions(profile="default")
    return ADDRESS.sub("", out.getvalue()).splitlines(), names


def in_torch(source: str) -> tuple[list[str], dict[str, Any]]:
    return run(changed(source, FLOAT64), torch)


def in_micrograd(source: str) -> tuple[list[str], dict[str, Any]]:
    return run(changed(changed(source, FLOAT64), IMPORTS), micrograd)


def same_line(mine: str, theirs: str) -> bool:
    """Equal but for the last digits of numbers, and the spaces that those need."""
    a, b = NUMBER.findall(mine), NUMBER.findall(theirs)
    if mine == theirs:
        return True
    if NUMBER.sub("#", mine).split() != NUMBER.sub("#", theirs).split() or len(a) != len(b):
        return False
    return all(
        math.isclose(float(x), float(y), rel_tol=1e-9, abs_tol=1e-12) or x == y
        for x, y in zip(a, b, strict=True)
    )


def different_lines(mine: list[str], theirs: list[str]) -> list[str]:
    pairs = list(zip(mine, theirs, strict=False))
    wrong = [f"here  {a}\ntorch {b}" for a, b in pairs if not same_line(a, b)]
    return wrong + [f"only one has: {line}" for line in (mine + theirs)[2 * len(pairs) :]
                    if len(mine) != len(theirs)]  # fmt: skip


def tensors(names: dict[str, Any], kind: type, module: type) -> dict[str, Any]:
    """All arrays among a script's names, and those of its modules."""
    found: dict[str, Any] = {}
    for name, x in names.items():
        if isinstance(x, kind):
            found[name] = x
        elif isinstance(x, module):
            for path, p in (*x.named_parameters(), *x.named_buffers()):
                found[f"{name}.{path}"] = p
    return found


def different_numbers(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    ours = tensors(mine, micrograd.Tensor, micrograd.nn.Module)
    others = tensors(theirs, torch.Tensor, torch.nn.Module)
    wrong = [f"{name}: only one has it" for name in ours.keys() ^ others.keys()]
    for name in ours.keys() & others.keys():
        x, t = ours[name], others[name]
        if tuple(x.shape) != tuple(t.shape):
            wrong.append(f"{name}: shape {tuple(x.shape)}, in torch {tuple(t.shape)}")
        elif not close(x, t.detach()):
            wrong.append(f"{name}: {x!r:.200}\nin torch {t!r:.200}")
        elif (x.requires_grad, x.is_leaf) != (t.requires_grad, t.is_leaf):
            wrong.append(f"{name}: {x.requires_grad, x.is_leaf} {t.requires_grad, t.is_leaf}")
        elif t.requires_grad and t.is_leaf:
            a, b = x.grad, t.grad
            if (a is None) != (b is None) or (b is not None and not close(a, b)):
                wrong.append(f"{name}.grad: {a!r:.200}\nin torch {b!r:.200}")
    return wrong


def close(x: Any, t: Any) -> bool:
    return np.allclose(x.numpy(), t.numpy(), rtol=1e-9, atol=1e-12, equal_nan=True)
