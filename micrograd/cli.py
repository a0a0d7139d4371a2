"""The command `micrograd`."""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from micrograd import article
from micrograd.errors import ArgumentValueError, FontWarning, MicrogradError
from micrograd.files import write_all
from micrograd.step import Step
from micrograd.train import record_step
from micrograd.words import LANGUAGES


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line, with exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with arguments (those of the process, if None); returns its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", FontWarning)
            warnings.showwarning = _show_warning
            options.run(options)
    except MicrogradError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{error.filename or 'file'}: {error.strerror or error}")
    return 0


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"micrograd: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="micrograd",
        description="A scalar autograd engine with a computation-graph tracer.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    step = commands.add_parser(
        "step",
        help="one training step: every number of it, as tables and pictures",
        description="One training step: every number of it, as tables and pictures. "
        "Without options, the step of the article: a 1 → 2 → 1 network, x = 2, y = 4.",
        allow_abbrev=False,
    )
    step.set_defaults(run=_step)
    add = step.add_argument
    add("--sizes", type=_whole, nargs="+", metavar="N", help="units of each layer (1 2 1)")
    add("--x", type=_finite, nargs="+", action="append", metavar="X",
        help="input, one number a unit; may be given again for more samples")  # fmt: skip
    add("--y", type=_finite, nargs="+", action="append", metavar="Y",
        help="target, one number a unit; as often as --x")  # fmt: skip
    add("--lr", type=_finite, default=article.LEARNING_RATE, help="learning rate (%(default)s)")
    add("--activation", choices=list(article.ACTIVATIONS), default="relu")
    add("--loss", choices=list(article.LOSSES), default="mse")
    add("--optimizer", choices=list(article.OPTIMIZERS), default="sgd")
    add("--parameters", type=Path, metavar="FILE.json",
        help='initial parameters: {"layer1.weight": [[…]], "layer1.bias": […], …}')  # fmt: skip
    add("--seed", type=int, metavar="N", help="draw initial parameters with this seed (0)")
    add("--language", choices=LANGUAGES, default="en")
    add("--out", type=Path, default=Path("out"), metavar="DIR", help="where files go (%(default)s)")
    return parser


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"must be a finite number, got {text}")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text}")
    return number


_finite.__name__ = "number"  # argparse names the type in its messages
_whole.__name__ = "whole number"


# ---- micrograd step ------------------------------------------------------------------------------


def _step(options: argparse.Namespace) -> None:
    step = _record(options)
    with _folder(options.out) as folder:
        print(step.tables(options.language))
        paths = write_all(folder, _pictures(step, options.language))
    print("\n" + "\n".join(str(path) for path in paths))


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A folder to write to; if it had to be made and nothing is written, it goes again."""
    made = not path.is_dir()
    if made:
        path.mkdir(parents=True)
    try:
        yield path
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()


def _record(options: argparse.Namespace) -> Step:
    sizes = tuple(options.sizes or article.SIZES)
    plain = sizes == article.SIZES
    own = plain and options.seed is None and options.parameters is None
    random.seed(options.seed or 0)
    model = article.Network(sizes, options.activation)
    if own:
        model.load_state_dict(article.PARAMETERS)
    elif options.parameters is not None:
        model.load_state_dict(_read_parameters(options.parameters))
    x = _samples("--x", options.x, sizes[0], article.X if plain else None)
    y = _samples("--y", options.y, sizes[-1], article.Y if plain else None)
    if len(x) != len(y):
        raise ArgumentValueError(
            f"--x and --y must be given equally often, got {len(x)} and {len(y)}"
        )
    optimizer = article.OPTIMIZERS[options.optimizer](model.parameters(), lr=options.lr)
    return record_step(model, article.LOSSES[options.loss](), optimizer, x, y)


def _samples(
    name: str,
    given: list[list[float]] | None,
    units: int,
    default: Sequence[Sequence[float]] | None,
) -> Sequence[Sequence[float]]:
    """The samples given, or those of the article, or a drawn one for other networks."""
    if given is None:
        return default or [[round(random.uniform(-2, 2), 1) for _ in range(units)]]
    for sample in given:
        if len(sample) != units:
            raise ArgumentValueError(f"{name} takes {units} numbers, one a unit, got {len(sample)}")
    return given


def _read_parameters(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        state = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError, argparse.ArgumentTypeError) as error:
        raise ArgumentValueError(f"{path} is not a JSON file of parameters: {error}") from None
    if not isinstance(state, dict):
        raise ArgumentValueError(
            f'{path} must hold {{"layer1.weight": …}}, got a {type(state).__name__}'
        )
    return state


def _pictures(step: Step, language: str) -> dict[str, bytes]:
    import viz

    diagram = viz.gradient_diagram(step, language=language)
    contents: dict[str, Callable[[], bytes]] = {
        "gradient_diagram.svg": lambda: diagram.content("svg"),
        "gradient_diagram.png": lambda: diagram.content("png"),
        "op_graph.svg": lambda: viz.op_graph(step, language=language).content("svg"),
        "layer_graph.svg": lambda: viz.layer_graph(step, language=language).content("svg"),
    }
    return {name: content() for name, content in contents.items()}
