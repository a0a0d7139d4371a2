"""`micrograd step`: training steps, every number of them, as tables and pictures."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from micrograd.article import networks as article
from micrograd.commands.arguments import (
    add_out,
    decimals,
    finite,
    folder,
    formats,
    path,
    seed,
    show,
    whole,
)
from micrograd.commands.parameter_file import WANTED, read_parameters, sizes_of
from micrograd.errors import ArgumentValueError
from micrograd.steps.record import record_steps
from micrograd.steps.step import Step
from micrograd.text.words import DIGITS, LANGUAGES, word
from micrograd.training.files import write_all

WITH_MOMENTUM = ("sgd", "rmsprop")


def add(commands: Any) -> None:
    """Add the command and its options."""
    step = commands.add_parser(
        "step",
        help="one training step: every number of it, as tables and pictures",
        description="Training steps, every number of them, as tables and pictures. "
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
    add("--momentum", type=finite, default=0.0, metavar="M", help="of sgd and rmsprop (0)")
    add("--activation", type=str.lower, choices=list(article.ACTIVATIONS), default="relu")
    add("--loss", type=str.lower, choices=list(article.LOSSES), default="mse")
    add("--optimizer", type=str.lower, choices=list(article.OPTIMIZERS), default="sgd")
    add("--parameters", type=path, metavar="FILE",
        help=f"initial parameters: what micrograd.save wrote, or JSON: {WANTED}")  # fmt: skip
    add("--seed", type=seed, metavar="N",
        help="draw initial parameters, and a sample if none is given, by it (0)")  # fmt: skip
    add("--steps", type=whole, default=1, metavar="N",
        help="how many steps; the pictures of each have its number in their names (1)")  # fmt: skip
    add("--sample", type=whole, metavar="N", help="which sample the gradient diagram shows (1)")
    add("--digits", type=decimals, default=DIGITS, metavar="N", help="decimals (%(default)s)")
    add("--format", type=formats, metavar="F,F",
        help="formats of all pictures (svg, and png for the gradient diagram)")  # fmt: skip
    add("--open", action="store_true", help="open the page when it is written")
    add("--language", choices=LANGUAGES, default="en")
    add_out(step)


def run(options: argparse.Namespace) -> None:
    """Run the steps, print their tables and write their pictures."""
    steps = _record(options)
    sample = options.sample or 1
    if sample > steps[0].samples:
        raise ArgumentValueError(f"--sample must be from 1 to {steps[0].samples}, got {sample}")
    with folder(options.out) as target, _bar(len(steps)) as bar:
        paths: list[Path] = []
        for i, step in enumerate(steps, 1):
            said = step.tables(options.language, options.digits)
            if len(steps) > 1:
                head = word("step {i} of {n}", options.language, i=i, n=len(steps))
                said = f"{'' if i == 1 else chr(10)}== {head} ==\n\n{said}"
            bar.write(said)
            number = f".step{i}" if len(steps) > 1 else ""
            paths += write_all(target, _pictures(step, options, sample - 1, number))
            bar.update()
    print("\n" + "\n".join(map(str, paths)))
    if options.open:
        pages = [path for path in paths if path.name.startswith("stepper")]
        show((pages or paths)[0])


def _bar(steps: int) -> Any:
    """How many steps are drawn, where there is a terminal and more than one."""
    from tqdm import tqdm

    return tqdm(total=steps, unit="step", disable=None if steps > 1 else True, leave=False)


def _record(options: argparse.Namespace) -> list[Step]:
    state = None if options.parameters is None else read_parameters(options.parameters)
    sizes = tuple(options.sizes or article.SIZES)
    if state is not None:
        found = sizes_of(state, options.parameters)
        if options.sizes and sizes != found:
            given = " ".join(map(str, sizes))
            raise ArgumentValueError(
                f"--sizes is {given}, the parameters are for {' '.join(map(str, found))}"
            )
        sizes = found
    plain = sizes == article.SIZES
    _check(options, sizes)  # before the work of making a network
    random.seed(options.seed or 0)
    model = article.Network(sizes, options.activation)
    if state is not None:
        model.load_state_dict(state)
    elif plain and options.seed is None:
        model.load_state_dict(article.PARAMETERS)
    x = _samples("--x", options.x, sizes[0], article.X if plain else None)
    y = _samples("--y", options.y, sizes[-1], article.Y if plain else None)
    rule = {"lr": options.lr} | ({"momentum": options.momentum} if options.momentum else {})
    optimizer = article.OPTIMIZERS[options.optimizer](model.parameters(), **rule)
    return record_steps(model, article.LOSSES[options.loss](), optimizer, [(x, y)] * options.steps)


def _samples(
    name: str,
    given: list[list[float]] | None,
    units: int,
    default: Sequence[Sequence[float]] | None,
) -> Sequence[Sequence[float]]:
    """The samples given, or those of the article, or a drawn one for other networks."""
    return given or default or [[round(random.uniform(-2, 2), 1) for _ in range(units)]]


def _check(options: argparse.Namespace, sizes: tuple[int, ...]) -> None:
    """Raise an ArgumentValueError for samples that do not fit, and for a momentum of no use."""
    _check_samples("--x", options.x or [], sizes[0])
    _check_samples("--y", options.y or [], sizes[-1])
    x, y = (len(given or [[]]) for given in (options.x, options.y))
    if x != y:
        raise ArgumentValueError(f"--x and --y must be given equally often, got {x} and {y}")
    drawn = sizes != article.SIZES and not options.x  # a sample, by the seed
    if options.seed is not None and options.parameters is not None and not drawn:
        raise ArgumentValueError(
            "--seed draws parameters, and --parameters gives them: leave one of them out"
        )
    if options.momentum and options.optimizer not in WITH_MOMENTUM:
        raise ArgumentValueError(
            f"--momentum is for {' and '.join(WITH_MOMENTUM)}, got {options.optimizer}"
        )


def _check_samples(name: str, given: list[list[float]], units: int) -> None:
    for sample in given:
        if len(sample) != units:
            many = f"{units} numbers, one a unit" if units > 1 else "1 number"
            again = f"; for more samples give {name} again" if len(sample) > units else ""
            raise ArgumentValueError(f"{name} takes {many}, got {len(sample)}{again}")


def _pictures(
    step: Step, options: argparse.Namespace, sample: int, number: str
) -> dict[str, bytes]:
    """The pictures by the names of their files; the one to look at first stands first."""
    import viz

    said = {"language": options.language, "digits": options.digits}
    figures = {
        "gradient_diagram": viz.gradient_diagram(step, sample=sample, **said),
        "op_graph": viz.op_graph(step, **said),
        "layer_graph": viz.layer_graph(step, **said),
    }
    wanted = not options.format or "html" in options.format or options.open
    page = viz.stepper(step, sample=sample, **said) if wanted else None
    contents = {}
    for name, figure in figures.items():
        for kind in options.format or (("svg", "png") if name == "gradient_diagram" else ("svg",)):
            drawn = figure
            if page is not None and kind == "svg" and figure.source == page.source:
                drawn = page  # it keeps what was laid out
            contents[f"{name}{number}.{kind}"] = drawn.content(kind)
    if page is None:
        return contents
    return contents | {f"stepper{number}.html": page.content("html")}
