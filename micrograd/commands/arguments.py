"""What commands take: checked numbers, and a folder to write to."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from micrograd.files import write_all


def finite(text: str) -> float:
    """A number that is not nan and not infinite."""
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"must be a finite number, got {text}")
    return number


def whole(text: str) -> int:
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text}")
    return number


finite.__name__ = "number"  # argparse names the type in its messages
whole.__name__ = "whole number"


def add_out(parser: argparse.ArgumentParser) -> None:
    """The option --out, the folder that files go to."""
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where files go (%(default)s)"
    )


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """A folder to write to; if it had to be made and nothing is written, it goes again."""
    made = not path.is_dir()
    if made:
        path.mkdir(parents=True)
    try:
        yield path
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()


def write_and_say(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, all or none, and print where they are."""
    paths = write_all(target, contents)
    print("\n" + "\n".join(str(path) for path in paths))
