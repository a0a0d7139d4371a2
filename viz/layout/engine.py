"""Which program lays a graph out, and what to do without one.

The engines, in the order in which they are looked for:

1. the program that the variable MICROGRAD_DOT names (a path, or a command like `dot`),
2. pygraphviz, whose wheels carry Graphviz,
3. `dot` on PATH,
4. `graphviz-pure`, a port to Rust, which writes SVG and PNG only.

An SVG picture is laid out with a blank font of Helvetica's widths, and says for each text how wide
the engine took it to be; see `viz.layout.fit_text`. PNG and PDF are drawn with the machine's fonts.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import site
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from micrograd.errors import ArgumentValueError, FontWarning, LayoutError
from viz.layout.engine_process import run
from viz.layout.font_warning import missing_font_message
from viz.layout.fonts import font_folders, write_host_configuration, write_layout_configuration
from viz.layout.picture_check import is_whole
from viz.layout.text_lengths import add_text_lengths

_FORMATS = ("svg", "png", "pdf")
_VARIABLE = "MICROGRAD_DOT"
_ADVICE = "pip install pygraphviz"
_CHILD = Path(__file__).parent / "draw_child.py"
_PROBE = "digraph { a }"
_PROBE_SECONDS = 20.0
_UNKNOWN_FORMAT = re.compile(r'Format: "\w+" not recognized')
_CREATION_DATE = re.compile(rb"(?<=/CreationDate \(D:)\d{14}")
_EPOCH = b"19700101000000"
_SVG_END = b"</svg>"
_SVG_TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")


@dataclass(frozen=True)
class Engine:
    """A layout engine: its name in messages, how it is started, what it can write."""

    name: str
    command: tuple[str, ...]
    formats: tuple[str, ...] = _FORMATS
    is_library: bool = False

    def arguments(self, *formats: str) -> list[str]:
        """Return the command line that turns DOT on standard input into all of `formats`."""
        if self.is_library:
            return [*self.command, *formats]
        return [*self.command, "-Kdot", *(f"-T{name}" for name in formats)]


_seen_to_draw: set[Engine] = set()


def render(source: str, format: str, *, timeout: float = 60.0) -> bytes:
    """Lay out `source`, a graph in the DOT language, and return the picture in `format`.

    `format` is "svg", "png" or "pdf". The same source gives the same bytes every time on one
    machine; the layout of an SVG does not depend on the machine's fonts either.

    Raises:
        ArgumentValueError: `format` is none of the three, or `source` is not valid text.
        LayoutError: no engine was found, or it failed, was not done after `timeout` seconds, or
            wrote half a picture; the text says which engine it was and what it said.

    Warns:
        FontWarning: a PNG or PDF shows boxes, as no font has the characters of the picture.

    >>> picture = render("digraph { a -> b }", "svg")
    >>> picture.rstrip().endswith(b"</svg>")
    True

    """
    _check_format(format)
    try:
        source.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentValueError(f"source is not valid text: {error}") from None
    refusal = _nothing_found(format)
    for engine in _engines(format):
        try:
            picture = _draw(engine, source, format, timeout)
        except LayoutError as error:
            if engine.is_library and not _can_draw(engine):
                continue
            if _UNKNOWN_FORMAT.search(str(error)) is None:
                raise
            refusal = LayoutError(f"{error}; for an engine that writes {format}: {_ADVICE}")
            continue
        _seen_to_draw.add(engine)
        if format != "svg":
            _warn_of_boxes(engine, source, timeout)
        return picture
    raise refusal


def find_engine(format: str) -> Engine:
    """Return the first engine, in the order of this module, that can write `format`.

    Raises:
        ArgumentValueError: `format` is not "svg", "png" or "pdf".
        LayoutError: there is none, or MICROGRAD_DOT names something that is not a program.

    >>> "svg" in find_engine("svg").formats
    True

    """
    _check_format(format)
    for engine in _engines(format):
        if not engine.is_library or _can_draw(engine):
            return engine
    raise _nothing_found(format)


def _check_format(file_format: str) -> None:
    if file_format not in _FORMATS:
        raise ArgumentValueError(f"format is {file_format!r}, not one of {', '.join(_FORMATS)}")


def _nothing_found(file_format: str) -> LayoutError:
    return LayoutError(f"no layout engine that writes {file_format} was found: {_ADVICE}")


def _engines(file_format: str) -> Iterator[Engine]:
    """Those to try; whether pygraphviz is there shows when it draws."""
    named = os.environ.get(_VARIABLE, "").strip()
    if named:
        command = _command_named(named)
        yield Engine(f"{Path(command[0]).name} ({_VARIABLE})", command)
        return
    yield _pygraphviz()
    dot = shutil.which("dot")
    if dot is not None:
        yield Engine("dot", (os.path.abspath(dot),))
    pure = _graphviz_pure()
    if pure is not None and file_format in pure.formats:
        yield pure


def _command_named(named: str) -> tuple[str, ...]:
    """Split what the variable holds into program and arguments; a path may hold spaces."""
    for words in ([named], shlex.split(named, posix=os.name == "posix")):
        program = shutil.which(os.path.expanduser(words[0]))
        if program is not None:
            return (os.path.abspath(program), *words[1:])
    raise LayoutError(f"{_VARIABLE} names {named!r}, which is not a program that can be run")


def _pygraphviz() -> Engine:
    """Run our own program under this interpreter, isolated from the current folder.

    Isolation hides the user's packages and PYTHONPATH too, so they are named to the program.
    """
    folders = [folder for folder in sys.path if folder == site.USER_SITE]
    if not sys.flags.ignore_environment:
        on_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        folders += [folder for folder in on_path if os.path.isabs(folder) and not _is_here(folder)]
    command = (sys.executable or "python", "-I", str(_CHILD), os.pathsep.join(folders))
    return Engine("pygraphviz", command, is_library=True)


def _is_here(folder: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(os.getcwd())


def _can_draw(library: Engine) -> bool:
    """Whether pygraphviz is there and not broken: it has drawn before, or draws something simple.

    Only success is remembered: who installs it on our advice need not start Python again.
    """
    if library in _seen_to_draw:
        return True
    try:
        _draw(library, _PROBE, "svg", _PROBE_SECONDS)
    except LayoutError:
        return False
    _seen_to_draw.add(library)
    return True


def _graphviz_pure() -> Engine | None:
    """Look beside the running interpreter first: its environment need not be activated."""
    folders = [os.path.dirname(sys.executable), sysconfig.get_path("scripts")]
    folders.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    search = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    program = shutil.which("graphviz-pure", path=search)
    if program is None:
        return None
    return Engine("graphviz-pure", (os.path.abspath(program),), formats=("svg", "png"))


def _draw(engine: Engine, source: str, file_format: str, timeout: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="micrograd-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        formats = ("svg", "json") if file_format == "svg" else (file_format,)
        output = run(
            engine.name,
            engine.arguments(*formats),
            source,
            timeout=timeout,
            folder=folder,
            environment=_environment(engine, source, file_format, folder),
        )
    layout = b""
    if file_format == "svg":
        content, end, layout = output.partition(_SVG_END)
        output = content + end
    elif file_format == "pdf":
        output = _CREATION_DATE.sub(_EPOCH, output)
    if not is_whole(output, file_format):
        what = "half a picture" if output.strip() else "nothing"
        raise LayoutError(f"{engine.name} wrote {what} where {file_format} was asked for")
    if layout.strip():
        # Graphviz cuts a text with backslashes by its bytes; that text stays as long as it is.
        text = layout.decode("utf-8", errors="replace")
        return add_text_lengths(output.decode("utf-8"), text).encode("utf-8")
    return output


def _environment(engine: Engine, source: str, file_format: str, folder: Path) -> dict[str, str]:
    """Return the variables that the engine runs with, its fontconfig file among them."""
    environment = dict(os.environ)
    if file_format == "svg":
        text = source + unescape(source)
        environment["FONTCONFIG_FILE"] = str(write_layout_configuration(folder, text))
    elif engine.is_library and not environment.get("FONTCONFIG_FILE"):
        environment["FONTCONFIG_FILE"] = str(write_host_configuration(folder, environment))
    return environment


def _warn_of_boxes(engine: Engine, source: str, timeout: float) -> None:
    """Warn of text that no font has.

    The source holds more than the text that is drawn, such as identifiers and tooltips, so what
    it lacks is looked up again for the drawn text alone.
    """
    folders = font_folders(os.environ)
    if missing_font_message(unescape(source), folders) is None:
        return
    svg = _draw(engine, source, "svg", timeout).decode("utf-8")
    drawn = unescape("".join(_SVG_TEXT.findall(svg)))
    message = missing_font_message(drawn, folders)
    if message is not None:
        warnings.warn(message, FontWarning, stacklevel=3)
