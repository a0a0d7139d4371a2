"""Modules of the package by themselves, and trees of symbols as C."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

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
text, printed = symbolic.c_text, symbolic.c_statements
