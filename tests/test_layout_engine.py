"""Which engine draws, and that none of them can hang, crash or half-draw unnoticed."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from micrograd.errors import ArgumentValueError, LayoutError
from viz.layout import engine as layout_engine
from viz.layout.engine import find_engine, render
from viz.layout.text_metrics import text_width

GRAPH = 'digraph { a [label="one & two" fontname=Helvetica]; a -> b }'
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>fake</text></svg>'
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="the fake engines are shell scripts")


@pytest.fixture(autouse=True)
def no_engine_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MICROGRAD_DOT", raising=False)
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture
def pygraphviz() -> None:
    if os.environ.get("CI") == "true":
        assert find_engine("svg").name == "pygraphviz"
    pytest.importorskip("pygraphviz")


@pytest.fixture
def no_pygraphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = layout_engine.Engine("pygraphviz", ("false",), is_library=True)
    monkeypatch.setattr(layout_engine, "_pygraphviz", lambda: broken)


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make PATH one empty folder, and the interpreter one without programs beside it."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda *names: str(tmp_path / "bin"))
    return folder


def write_program(path: Path, body: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def use_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> Path:
    program = write_program(tmp_path / "my dot", body)
    monkeypatch.setenv("MICROGRAD_DOT", str(program))
    return program


def texts(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


@POSIX_ONLY
def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = use_program(monkeypatch, tmp_path, f"cat >/dev/null; printf '%s' '{SVG}'")
    assert find_engine("pdf").command == (str(program),)
    assert texts(render(GRAPH, "svg")) == ["fake"]


@POSIX_ONLY
def test_the_variable_may_hold_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRAD_DOT", "sh -c 'cat -'")
    assert find_engine("svg").command == (shutil.which("sh"), "-c", "cat -")


def test_a_variable_that_names_no_program_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRAD_DOT", "no-such-program")
    with pytest.raises(LayoutError, match=r"MICROGRAD_DOT names 'no-such-program'"):
        find_engine("svg")


@POSIX_ONLY
def test_pygraphviz_comes_before_dot(
    pygraphviz: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_program(tmp_path / "dot", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_engine("svg").name == "pygraphviz"


@POSIX_ONLY
def test_dot_comes_before_graphviz_pure(no_pygraphviz: None, empty_path: Path) -> None:
    write_program(empty_path / "graphviz-pure", "exit 1")
    dot = write_program(empty_path / "dot", "exit 1")
    assert find_engine("svg").command == (str(dot),)


@POSIX_ONLY
def test_graphviz_pure_is_found_beside_the_interpreter_but_writes_no_pdf(
    no_pygraphviz: None, empty_path: Path, tmp_path: Path
) -> None:
    pure = write_program(tmp_path / "bin" / "graphviz-pure", "exit 1")
    assert find_engine("svg").command == find_engine("png").command == (str(pure),)
    with pytest.raises(LayoutError, match="pip install pygraphviz"):
        find_engine("pdf")


@POSIX_ONLY
def test_a_dot_that_cannot_write_the_format_gives_way_to_the_next(
    no_pygraphviz: None, empty_path: Path
) -> None:
    refuse = """echo 'Format: "pdf" not recognized. Use one of: svg' >&2; exit 1"""
    write_program(empty_path / "dot", refuse)
    write_program(empty_path / "graphviz-pure", f"cat >/dev/null; printf '%s' '{SVG}'")
    assert texts(render(GRAPH, "svg")) == ["fake"]
    with pytest.raises(LayoutError, match="pip install pygraphviz"):
        render(GRAPH, "pdf")


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_without_any_engine_the_error_names_the_command_in_one_line(
    file_format: str, no_pygraphviz: None, empty_path: Path
) -> None:
    for ask in (lambda: find_engine(file_format), lambda: render(GRAPH, file_format)):
        with pytest.raises(LayoutError) as caught:
            ask()
        text = str(caught.value)
        assert (
            text == f"no layout engine that writes {file_format} was found: pip install pygraphviz"
        )


@POSIX_ONLY
def test_a_broken_pygraphviz_is_passed_over(
    empty_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = write_program(tmp_path / "bin" / "python", "echo 'ImportError: libgvc' >&2; exit 1")
    monkeypatch.setattr(sys, "executable", str(broken))
    dot = write_program(empty_path / "dot", "exit 1")
    assert find_engine("svg").command == (str(dot),)


@POSIX_ONLY
def test_a_pygraphviz_that_is_installed_later_is_found(
    pygraphviz: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = layout_engine._pygraphviz()
    layout_engine._seen_to_draw.clear()
    with monkeypatch.context() as patch:
        patch.setattr(layout_engine, "_PROBE", "no graph")
        assert not layout_engine._can_draw(library)
    assert layout_engine._can_draw(library)
    assert find_engine("svg").name == "pygraphviz"


def test_an_unknown_format_is_an_argument_error() -> None:
    for call in (lambda: find_engine("gif"), lambda: render(GRAPH, "gif")):
        with pytest.raises(ArgumentValueError, match="'gif'"):
            call()


def test_a_source_that_is_not_text_is_an_argument_error() -> None:
    with pytest.raises(ArgumentValueError, match="valid text"):
        render('digraph { "\ud800" }', "svg")


@POSIX_ONLY
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'Error: out of ink' >&2; exit 3", "status 3: Error: out of ink"),
        ("kill -SEGV $$", "crashed .SIGSEGV"),
        ("cat >/dev/null", "wrote nothing"),
        ("printf '<svg><g>'", "half a picture"),
        ("printf '<svg><g></svg>'", "half a picture"),
        (f"printf '%s' '{SVG}'; exit 1", "status 1"),
        (f"printf '%s' '{SVG}'; echo 'Error: bad label' >&2", "Error: bad label"),
        (f"printf '%s' '{SVG}'; echo 'Warning: Not built with libexpat.' >&2", "libexpat"),
    ],
)
def test_an_engine_that_goes_wrong_is_an_error_that_names_it(
    body: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_program(monkeypatch, tmp_path, body)
    with pytest.raises(LayoutError, match=rf"my dot \(MICROGRAD_DOT\) .*{said}"):
        render(GRAPH, "svg")


@POSIX_ONLY
@pytest.mark.parametrize(
    ("file_format", "printed"),
    [
        ("png", r"\211PNG\r\n\032\n half"),
        ("png", "no magic IEND\\256B`\\202"),
        ("pdf", "%%PDF-1.5 half"),
        ("pdf", "no magic %%%%EOF"),
    ],
)
def test_half_a_raster_or_document_is_an_error(
    file_format: str, printed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_program(monkeypatch, tmp_path, f"cat >/dev/null; printf '{printed}'")
    with pytest.raises(LayoutError, match="half a picture"):
        render(GRAPH, file_format)


@POSIX_ONLY
def test_a_warning_does_no_harm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    warn = "echo 'Warning: no hard-coded metrics for Foo' >&2; echo 'Fontconfig error: x' >&2"
    use_program(monkeypatch, tmp_path, f"{warn}; printf '%s' '{SVG}'")
    assert texts(render(GRAPH, "svg")) == ["fake"]


@POSIX_ONLY
def test_an_engine_that_hangs_is_stopped_with_all_that_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identifiers = tmp_path / "identifiers"
    body = f"sleep 300 & echo $! $$ >'{identifiers}'; wait"
    use_program(monkeypatch, tmp_path, body)
    started = time.monotonic()
    with pytest.raises(LayoutError, match=r"not done after 0\.5 seconds"):
        render(GRAPH, "svg", timeout=0.5)
    assert time.monotonic() - started < 30
    for identifier in map(int, identifiers.read_text().split()):
        wait_for_end(identifier)


def wait_for_end(process: int) -> None:
    """Wait until the process is gone, or is a zombie that only its parent can clear away."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
            state = Path(f"/proc/{process}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        time.sleep(0.01)
    raise AssertionError(f"process {process} is still running")


def test_a_bad_label_is_an_error_though_graphviz_reports_success(pygraphviz: None) -> None:
    with pytest.raises(LayoutError, match=r"pygraphviz .*Error: mismatched tag"):
        render("digraph { a [label=<<B>x</I>>]; b }", "svg")


def test_bad_syntax_is_an_error_without_a_traceback(pygraphviz: None) -> None:
    with pytest.raises(LayoutError, match="Error: syntax error in line 1") as caught:
        render("digraph { a -> ; }", "png")
    assert "File" not in str(caught.value)


def test_a_module_in_the_current_folder_is_not_imported(
    pygraphviz: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w').close()"
    for name in ("pygraphviz", "graphviz", "sitecustomize", "shlex"):
        (tmp_path / f"{name}.py").write_text(trap, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}{tmp_path}{os.pathsep}.")
    layout_engine._seen_to_draw.clear()
    assert texts(render(GRAPH, "svg")) == ["one & two", "b"]
    assert not (tmp_path / "sprung").exists()


def test_every_format_is_drawn(pygraphviz: None) -> None:
    assert texts(render(GRAPH, "svg")) == ["one & two", "b"]
    assert render(GRAPH, "png").startswith(b"\x89PNG")
    assert render(GRAPH, "pdf").startswith(b"%PDF")


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_the_same_source_gives_the_same_bytes(file_format: str, pygraphviz: None) -> None:
    first = render(GRAPH, file_format)
    if file_format == "pdf":
        time.sleep(1.1)
    assert render(GRAPH, file_format) == first


def test_the_svg_says_how_wide_each_text_was_taken_to_be(pygraphviz: None) -> None:
    root = ElementTree.fromstring(render(GRAPH, "svg"))
    lengths = [text.attrib["textLength"] for text in root.iter() if text.tag.endswith("}text")]
    assert len(lengths) == 2
    assert float(lengths[0]) == pytest.approx(text_width("one & two", 14.0), rel=0.08)
    assert float(lengths[0]) >= 0.98 * text_width("one & two", 14.0)
