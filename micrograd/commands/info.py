"""`micrograd info`: what is installed, and which core, backends and layout engine are used."""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
from typing import Any

import numpy as np

from micrograd.engine import CORE, WHY_PYTHON
from micrograd.errors import LayoutError


def add(commands: Any) -> None:
    """Add the command."""
    info = commands.add_parser(
        "info",
        help="versions, and which core, backends and layout engine are used",
        description="Print versions, and which core, backends and layout engine are used.",
        allow_abbrev=False,
    )
    info.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a line for each."""
    for name, value in facts():
        print(f"{name:13}{value}")


def facts() -> list[tuple[str, str]]:
    """What there is to say, by name."""
    core = CORE if not WHY_PYTHON else f"{CORE} ({WHY_PYTHON})"
    return [
        ("micrograd", _version("micrograd-tracer")),
        ("Python", f"{platform.python_version()} on {sys.platform}, NumPy {np.__version__}"),
        ("core", core),
        ("compile", _backends()),
        ("layout", _layout()),
    ]


def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _backends() -> str:
    if importlib.util.find_spec("llvmlite") is None:
        return 'numpy (llvm: pip install "micrograd-tracer[jit]")'
    return f"llvm (llvmlite {_version('llvmlite')}), numpy"


def _layout() -> str:
    from viz.layout.engine import find_engine

    try:
        return find_engine("svg").name
    except LayoutError as error:
        return str(error)
