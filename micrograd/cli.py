"""The command `micrograd`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from micrograd.commands import compare, step, train
from micrograd.errors import FontWarning, MicrogradError


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
            warnings.showwarning = _Shown()
            options.run(options)
    except MicrogradError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{error.filename or 'file'}: {error.strerror or error}")
    return 0


class _Shown:
    """Shows each warning once, in one line."""

    def __init__(self) -> None:
        self.messages: set[str] = set()

    def __call__(self, message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in self.messages:
            self.messages.add(str(message))
            print(f"micrograd: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="micrograd",
        description="A scalar autograd engine with a computation-graph tracer.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for command in (step, train, compare):
        command.add(commands)
    return parser
