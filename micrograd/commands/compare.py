"""`micrograd compare`: the article's seven optimisers side by side."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from micrograd.commands.arguments import add_out, folder, whole, write_and_say
from micrograd.comparison import METHODS, SEED, compare, comparison_table
from micrograd.words import LANGUAGES


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "compare",
        help="the article's seven optimisers side by side: table and plots",
        description="Train the article's 4-layer network from the same start by batch, stochastic "
        "and mini-batch descent, momentum, Adagrad, RMSprop and Adam.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    option = parser.add_argument
    option("--epochs", type=whole, default=10, metavar="N", help="(%(default)s)")
    option("--samples", type=whole, default=800, metavar="N", help="(%(default)s)")
    option("--test-samples", type=whole, default=200, metavar="N", help="(%(default)s)")
    option("--seed", type=int, default=SEED, metavar="N", help="(%(default)s)")
    option("--language", choices=LANGUAGES, default="en", help="(%(default)s)")
    add_out(parser)


def run(options: argparse.Namespace) -> None:
    """Train by every method, print the table and draw the plots."""
    from tqdm import tqdm

    from viz import curves

    language = options.language
    with folder(options.out) as target:
        with tqdm(total=len(METHODS), unit="method", file=sys.stderr) as bar:
            histories = compare(
                options.samples,
                options.test_samples,
                options.epochs,
                options.seed,
                done=lambda name: bar.update(),
            )
        print(comparison_table(histories, options.samples, language))
        figures = {
            "comparison": curves.comparison(histories, language=language),
            "batch_and_stochastic": curves.loss_curves(
                {name: histories[name] for name in ("batch", "mini-batch", "stochastic")},
                steps=True,
                language=language,
            ),
            "optimizer_paths": curves.optimizer_paths(language=language),
            "step_sizes": curves.step_sizes(language=language),
        }
        write_and_say(
            target,
            {f"{name}.svg": figure.content("svg") for name, figure in figures.items()},
        )
