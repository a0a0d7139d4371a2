"""Trees of symbols as C: expressions, and statements where a condition decides."""

from __future__ import annotations

import importlib.util
import math
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "micrograd"


def module(name: str) -> types.ModuleType:
    """A module of the package by itself: one that needs nothing around it."""
    spec = importlib.util.spec_from_file_location(f"alone_{name}", PACKAGE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no module {name} in {PACKAGE}")
    loaded = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


symbolic = module("symbolic")


def text(x: Any) -> str:
    """A number or condition in C."""
    if not isinstance(x, symbolic.Symbol):
        x = float(x)
        if x != x:
            return "(double)NAN"
        if math.isinf(x):
            return "HUGE_VAL" if x > 0 else "(-HUGE_VAL)"
        return repr(x)
    operands = [text(operand) for operand in x.operands]
    if x.name == symbolic.NEGATION:
        return f"(-{operands[0]})"
    if len(operands) == 2 and not x.name.isidentifier():
        whole = f"{operands[0]} {x.name} {operands[1]}"
        return whole if x.name in symbolic.CONDITIONS else f"({whole})"
    return f"{x.name}({', '.join(operands)})" if operands else x.name


def printed(node: Any, leaf: Callable[[Any], str]) -> str:
    """A tree as statements of C."""
    if isinstance(node, symbolic.Branch):
        yes, no = printed(node.yes, leaf), printed(node.no, leaf)
        return f"if ({text(node.condition)}) {{ {yes} }} else {{ {no} }}"
    return leaf(node)
