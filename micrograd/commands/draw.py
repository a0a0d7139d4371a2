"""`micrograd draw MODULE:EXPRESSION`: a picture of what an expression of a user's module gives."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from micrograd.commands.arguments import add_out, decimals, folder, formats, show, write_and_say
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.steps.step import Step
from micrograd.tensors.tensor import Tensor
from micrograd.text.words import DIGITS, LANGUAGES

VIEWS = ("op_graph", "gradient_diagram", "layer_graph", "stepper")


def add(commands: Any) -> None:
    """Add the command and its options."""
    draw = commands.add_parser(
        "draw",
        help="a picture of what an expression of your module gives",
        description="Draw what an expression gives, in the names of a module of yours: "
        "`micrograd draw mymodel:loss` or `micrograd draw 'mymodel:train(lr=0.1)'`. It is a Value, "
        "or a step of record_step. The module and the expression are run.",
        allow_abbrev=False,
    )
    draw.set_defaults(run=run)
    draw.add_argument(
        "what", metavar="MODULE:EXPRESSION", help="of a module in this folder, or of a file"
    )
    draw.add_argument("--view", choices=VIEWS, default="op_graph", help="(%(default)s)")
    draw.add_argument("--digits", type=decimals, default=DIGITS, metavar="N")
    draw.add_argument("--format", type=formats, metavar="F,F", help="(svg; html for stepper)")
    draw.add_argument("--open", action="store_true", help="open it when it is written")
    draw.add_argument("--language", choices=LANGUAGES, default="en")
    add_out(draw)


def run(options: argparse.Namespace) -> None:
    """Evaluate the expression, and write its picture."""
    import viz

    found = evaluated(options.what)
    figure = getattr(viz, options.view)(found, language=options.language, digits=options.digits)
    kinds = options.format or (["html"] if options.view == "stepper" else ["svg"])
    with folder(options.out) as target:
        contents = {f"{options.view}.{kind}": figure.content(kind) for kind in kinds}
        paths = write_and_say(target, contents)
    if options.open:
        show(paths[0])


def evaluated(what: str) -> Value | Tensor | Step:
    """A picture's subject; raises an error that says what is wrong with the expression."""
    found = value_of(what, "draw")
    if not isinstance(found, Value | Tensor | Step):
        raise ArgumentTypeError(
            f"{what} must be a Value or a recorded step, got {type(found).__name__}"
        )
    return found


def value_of(what: str, command: str) -> Any:
    """What an expression gives in a module."""
    module, _, expression = what.partition(":")
    if not module or not expression:
        raise ArgumentValueError(
            f"{command} takes MODULE:EXPRESSION, such as mymodel:loss, got {what!r}"
        )
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        names = vars(imported(module))
        return eval(expression, dict(names))
    except Exception as error:
        raise ArgumentValueError(
            f"{what} cannot be evaluated: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(here)


def imported(module: str) -> ModuleType:
    """A module by its name, or by the path of its file: mymodel, ./models/mymodel.py."""
    path = Path(module)
    if len(path.parts) < 2 and path.suffix != ".py" and not module.startswith("."):
        return importlib.import_module(module)
    file = path if path.suffix == ".py" else path.with_name(f"{path.name}.py")
    whole = file.resolve()
    try:
        parts = whole.relative_to(Path.cwd().resolve()).with_suffix("").parts
    except ValueError:  # of another folder
        parts = ()
    if parts and all(part.isidentifier() for part in parts):
        return importlib.import_module(".".join(parts))
    known = sys.modules.get(whole.stem)
    if known is not None and getattr(known, "__file__", None) == str(whole):
        return known
    if not whole.is_file():
        raise ArgumentValueError(f"there is no file {file}")
    spec = importlib.util.spec_from_file_location(whole.stem, whole)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[whole.stem] = loaded
    sys.path.insert(0, str(whole.parent))
    try:
        spec.loader.exec_module(loaded)
    finally:
        sys.path.remove(str(whole.parent))
    return loaded
