"""`micrograd compare`: the article's seven optimisers side by side."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from micrograd.article.networks import SEEDS
from micrograd.commands.arguments import add_out, folder, samples, seed, whole, write_and_say
from micrograd.text.words import LANGUAGES


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "compare",
        help="the article's seven optimisers side by side: table and plots",
        description="Train the article's 4-layer network by batch, stochastic and mini-batch "
        "descent, momentum, Adagrad, RMSprop and Adam, each from the same several starts.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    option = parser.add_argument
    option("--epochs", type=whole, default=10, metavar="N", help="(%(default)s)")
    option("--samples", type=samples, default=800, metavar="N", help="(%(default)s)")
    option("--test-samples", type=samples, default=200, metavar="N", help="(%(default)s)")
    option("--runs", type=whole, default=len(SEEDS), metavar="N",
           help="starts of each method (%(default)s)")  # fmt: skip
    option("--seed", type=seed, default=SEEDS[0], metavar="N",
           help="of the first start; the next ones follow (%(default)s)")  # fmt: skip
    option("--language", choices=LANGUAGES, default="en", help="(%(default)s)")
    add_out(parser)


def run(options: argparse.Namespace) -> None:
    """Train by every method, print the table and draw the plots."""
    from tqdm import tqdm

    from micrograd.article.comparison import METHODS, compare, comparison_table
    from viz import curves

    language = options.language
    seeds = range(options.seed, options.seed + options.runs)
    with folder(options.out) as target:
        with tqdm(total=len(METHODS) * len(seeds), unit="run", file=sys.stderr) as bar:
            runs = compare(
                options.samples,
                options.test_samples,
                options.epochs,
                seeds,
                done=lambda name: bar.update(),
            )
        print(comparison_table(runs, language))
        histories = {name: [run.history for run in members] for name, members in runs.items()}
        first = {name: histories[name][0] for name in ("batch", "mini-batch", "stochastic")}
        figures = {
            "comparison": curves.comparison(histories, language=language),
            "batch_and_stochastic": curves.loss_curves(first, steps=True, language=language),
            "optimizer_paths": curves.optimizer_paths(language=language),
            "step_sizes": curves.step_sizes(language=language),
        }
        write_and_say(
            target,
            {f"{name}.svg": figure.content("svg") for name, figure in figures.items()},
        )
