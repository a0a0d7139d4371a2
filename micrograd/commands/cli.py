"""The command `micrograd`."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from micrograd import __version__
from micrograd.commands import compare, draw, export, info, step, train
from micrograd.errors import FontWarning, MicrogradError

INTERRUPTED = 130  # the exit status of what Ctrl-C has ended, by the shells' convention


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line, with exit status 2; takes -1e-3 for a number."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$", re.I)

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (--[\w-]+)", message)
        near = difflib.get_close_matches(unknown[1], self._known(), 1) if unknown else []
        message += f"; {near[0]} is there" if near else ""
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")

    def _known(self) -> list[str]:
        """The options of all commands."""
        commands = (a.choices for a in self._actions if isinstance(a, argparse._SubParsersAction))
        parsers = (parser for choices in commands for parser in choices.values())
        return [name for parser in parsers for name in parser._option_string_actions]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with arguments (those of the process, if None); returns its exit status."""
    nowhere = io.StringIO()  # in place of a stream that was closed before the start
    streams = [stream or nowhere for stream in (sys.stdout, sys.stderr)]
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    with (
        contextlib.redirect_stdout(_Pipe(streams[0])),
        contextlib.redirect_stderr(_Pipe(streams[1])),
    ):
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    os.environ["MPLBACKEND"] = "agg"  # files are written, and nothing is shown
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", FontWarning)
            warnings.showwarning = _ShownOnce()
            options.run(options)
    except MicrogradError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{error.filename or 'file'}: {error.strerror or error}")
    except UnicodeEncodeError as error:
        parser.error(f"no file can be called {error.object!r}")
    except MemoryError:
        parser.error("there is not enough memory for so much")
    except KeyboardInterrupt:
        print(f"\n{parser.prog}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


class _Pipe:
    """A stream whose reader may go away: what nobody reads is dropped, the work goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, if anybody reads."""
        with self._unread():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if anybody reads."""
        with self._unread():
            self._stream.flush()

    @contextlib.contextmanager
    def _unread(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class _ShownOnce:
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
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for command in (step, train, compare, draw, export, info):
        command.add(commands)
    return parser
