"""Runs a layout engine as a child process that cannot take its caller along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from micrograd.errors import LayoutError

_LINES_QUOTED = 3
_CHARACTERS_QUOTED = 400
_HARMLESS = ("Warning:", "Fontconfig ")


def run(
    name: str,
    command: Sequence[str],
    source: str,
    *,
    timeout: float,
    folder: Path,
    environment: Mapping[str, str],
) -> bytes:
    """Give `source` to `command`, started in `folder`, and return what it wrote.

    Raises:
        LayoutError: the engine could not be started, was killed by a signal, ended with a status
            other than 0, reported an error, or was not done after `timeout` seconds, in which
            case it is ended together with every process that it started.

    """
    try:
        # Made and entered in one line: an interruption between the two would leave it running.
        with _started(command, folder, environment) as process:
            picture, raw_messages = _answer(name, process, source, timeout)
    except OSError as error:
        raise LayoutError(f"{name} could not be started: {error}") from error
    messages = raw_messages.decode("utf-8", "replace")
    if process.returncode < 0:
        raise LayoutError(f"{name} crashed ({_signal_name(-process.returncode)}){_said(messages)}")
    if process.returncode > 0:
        raise LayoutError(f"{name} failed with status {process.returncode}{_said(messages)}")
    if _reports_error(messages):
        raise LayoutError(f"{name} could not draw the picture{_said(messages)}")
    return picture


def _started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _answer(
    name: str, process: subprocess.Popen[bytes], source: str, timeout: float
) -> tuple[bytes, bytes]:
    try:
        return process.communicate(source.encode("utf-8"), timeout)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        message = f"{name} was not done after {timeout:g} seconds and was stopped"
        raise LayoutError(message) from None
    except BaseException:
        _kill_group(process)
        raise


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(tree, capture_output=True, check=False)
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _reports_error(messages: str) -> bool:
    """Whether the engine complained of more than a font or an attribute.

    Graphviz called as a library reports a bad label with status 0; one built without an XML
    parser leaves every table out of the picture and calls that a warning.
    """
    return any(line.startswith("Error:") or "libexpat" in line for line in messages.splitlines())


def _said(messages: str) -> str:
    """Quote the engine: from its first error on, or the last line that is not a mere warning."""
    before_traceback, _, _ = messages.partition("Traceback (most recent call last)")
    lines = [line.strip() for line in before_traceback.splitlines() if line.strip()]
    for start, line in enumerate(lines):
        if line.startswith("Error:"):
            quoted = " ".join(lines[start : start + _LINES_QUOTED])
            return f": {quoted[:_CHARACTERS_QUOTED]}"
    all_lines = [line.strip() for line in messages.splitlines() if line.strip()]
    telling = [line for line in all_lines if not line.startswith(_HARMLESS)] or all_lines
    return f": {telling[-1][:_CHARACTERS_QUOTED]}" if telling else ""
