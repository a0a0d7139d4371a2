"""`micrograd export MODULE:FUNCTION`: a function of a user's module as code that runs alone."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path
from typing import Any

from micrograd.commands.draw import imported, value_of
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.exporting.targets import TARGETS

EXAMPLE = (
    "Write a function as code that runs without micrograd: `micrograd export train:loss --to numpy "
    "--out loss.py`. The function has been compiled and called in the module, or --inputs names "
    "arguments for it: `--inputs 'X, y'`. The module and the expressions are run."
)


def add(commands: Any) -> None:
    """Add the command and its options."""
    export = commands.add_parser(
        "export",
        help="your compiled function as NumPy, JAX or torch that runs alone",
        description=EXAMPLE,
        allow_abbrev=False,
    )
    export.set_defaults(run=run)
    export.add_argument(
        "what", metavar="MODULE:FUNCTION", help="of a module in this folder, or of a file"
    )
    export.add_argument("--to", choices=list(TARGETS), default="numpy", help="(%(default)s)")
    export.add_argument("--inputs", metavar="NAMES", help="arguments, as names of the module")
    export.add_argument("--out", type=Path, metavar="FILE", help="(it is printed)")


def run(options: argparse.Namespace) -> None:
    """Write the file and what belongs to it, or print the text."""
    from micrograd.exporting.export import export

    what = value_of(options.what, "export")
    if not callable(what) and not isinstance(what, tuple):
        raise ArgumentTypeError(
            f"{options.what} must be a function, or (model, loss), got {type(what).__name__}"
        )
    module = options.what.partition(":")[0]
    inputs = value_of(f"{module}:({options.inputs},)", "export") if options.inputs else ()
    _check_arguments(options.what, what, inputs)
    own = getattr(imported(module), "__file__", None)
    if own is not None and options.out is not None and options.out.resolve() == Path(own).resolve():
        raise ArgumentValueError(
            f"--out must be another file than {options.out}, which {options.what} is read from"
        )
    exported = export(what, *inputs, to=options.to)
    if options.out is None:
        sys.stdout.write(exported.source)
        return
    for path in exported.save(options.out):
        print(path)


def _check_arguments(name: str, what: Any, inputs: tuple[Any, ...]) -> None:
    """Raise an ArgumentValueError unless the function takes as many arguments as are given."""
    if not inputs or not callable(what):
        return
    try:
        inspect.signature(getattr(what, "fn", what)).bind(*inputs)
    except TypeError as error:
        raise ArgumentValueError(f"--inputs does not fit {name}: {error}") from None
