"""What commands take: checked numbers, and a folder to write to."""

from __future__ import annotations

import argparse
import math
import sys
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from micrograd.text.words import MOST_DIGITS
from micrograd.training.files import write_all

MOST_SAMPLES = 1_000_000


def _apart(text: str) -> str:
    """The text of one number; several with commas between them are an error that says so."""
    if "," in text:
        spaced = " ".join(part.strip() for part in text.split(","))
        raise argparse.ArgumentTypeError(f"takes numbers apart: write {spaced}, got {text}")
    return text


def finite(text: str) -> float:
    """A number that is not nan and not infinite."""
    number = float(_apart(text))
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"must be a finite number, got {text}")
    return number


def path(text: str) -> Path:
    """A file or a folder, by a name that there can be."""
    if "\0" in text:
        raise argparse.ArgumentTypeError(f"must be a path, got {text!r}, with a null character")
    return Path(text)


def whole(text: str) -> int:
    """A whole number from 1."""
    number = int(_apart(text))
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text}")
    return number


def seed(text: str) -> int:
    """A whole number from 0, as random generators take it."""
    number = int(_apart(text))
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text}")
    return number


def samples(text: str) -> int:
    """How many samples: as many as there is memory for, on any machine."""
    number = whole(text)
    if number > MOST_SAMPLES:
        raise argparse.ArgumentTypeError(f"must be at most {MOST_SAMPLES:,}, got {text}")
    return number


def decimals(text: str) -> int:
    """How many decimals numbers are printed with."""
    number = int(text)
    if not 1 <= number <= MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MOST_DIGITS}, got {text}")
    return number


def formats(text: str) -> list[str]:
    """Formats of pictures, with commas between them, each once."""
    from viz.drawing.figure import FORMATS

    names = [name.strip().lower().removeprefix(".") for name in text.split(",")]
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(
                f"must be of {', '.join(FORMATS)}, with commas between them, got {text!r}"
            )
    return list(dict.fromkeys(names))


finite.__name__ = "number"  # argparse names the type in its messages
whole.__name__ = decimals.__name__ = seed.__name__ = samples.__name__ = "whole number"


def add_out(parser: argparse.ArgumentParser) -> None:
    """The option --out, the folder that files go to."""
    parser.add_argument(
        "--out", type=path, default=Path("out"), metavar="DIR", help="where files go (%(default)s)"
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


def write_and_say(target: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write files, all or none, and print where they are; returns their paths."""
    paths = write_all(target, contents)
    print("\n" + "\n".join(str(path) for path in paths))
    return paths


def show(path: Path) -> None:
    """Open a file with the program that the machine has for it; say so if it has none."""
    sys.stdout.flush()
    if not webbrowser.open(path.resolve().as_uri()):
        print(f"micrograd: warning: there is no program to open {path} with", file=sys.stderr)
