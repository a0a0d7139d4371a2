"""`micrograd step`: one training step, every number of it, as tables and pictures."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from micrograd import article
from micrograd.commands.arguments import add_out, finite, folder, whole, write_and_say
from micrograd.errors import ArgumentValueError
from micrograd.step import Step
from micrograd.train import record_step
from micrograd.words import LANGUAGES


def add(commands: Any) -> None:
    """Add the command and its options."""
    step = commands.add_parser(
        "step",
        help="one training step: every number of it, as tables and pictures",
        description="One training step: every number of it, as tables and pictures. "
        "Without options, the step of the article: a 1 → 2 → 1 network, x = 2, y = 4.",
        allow_abbrev=False,
    )
    step.set_defaults(run=run)
    add = step.add_argument
    add("--sizes", type=whole, nargs="+", metavar="N", help="units of each layer (1 2 1)")
    add("--x", type=finite, nargs="+", action="append", metavar="X",
        help="input, one number a unit; may be given again for more samples")  # fmt: skip
    add("--y", type=finite, nargs="+", action="append", metavar="Y",
        help="target, one number a unit; as often as --x")  # fmt: skip
    add("--lr", type=finite, default=article.LEARNING_RATE, help="learning rate (%(default)s)")
    add("--activation", choices=list(article.ACTIVATIONS), default="relu")
    add("--loss", choices=list(article.LOSSES), default="mse")
    add("--optimizer", choices=list(article.OPTIMIZERS), default="sgd")
    add("--parameters", type=Path, metavar="FILE.json",
        help='initial parameters: {"layer1.weight": [[…]], "layer1.bias": […], …}')  # fmt: skip
    add("--seed", type=int, metavar="N", help="draw initial parameters with this seed (0)")
    add("--language", choices=LANGUAGES, default="en")
    add_out(step)


def run(options: argparse.Namespace) -> None:
    """Run the step, print its tables and write its pictures."""
    step = _record(options)
    with folder(options.out) as target:
        print(step.tables(options.language))
        write_and_say(target, _pictures(step, options.language))


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
        state = json.loads(text, parse_float=finite, parse_constant=finite)
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
