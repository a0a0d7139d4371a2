"""A picture whose text would come out as boxes is announced, and an SVG never does."""

from __future__ import annotations

import os
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib
import pytest

from micrograd.errors import FontWarning
from viz.layout.engine import find_engine, render
from viz.layout.font_coverage import Coverage, coverage
from viz.layout.font_file import blank_font
from viz.layout.fonts import font_folders

GRAPH = 'digraph { a [label="one & two" fontname=Helvetica]; a -> b }'


@pytest.fixture
def pygraphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MICROGRAD_DOT", raising=False)
    if os.environ.get("CI") == "true":
        assert find_engine("svg").name == "pygraphviz"
    pytest.importorskip("pygraphviz")


def fontconfig(tmp_path: Path, *folders: Path) -> str:
    file = tmp_path / "only.conf"
    folder_elements = "".join(f"<dir>{folder}</dir>" for folder in folders)
    cache = f"<cachedir>{tmp_path / 'cache'}</cachedir>"
    file.write_text(f"<fontconfig>{folder_elements}{cache}</fontconfig>", encoding="utf-8")
    return str(file)


def texts(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_without_fonts_a_png_warns_and_an_svg_does_not(
    pygraphviz: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = render(GRAPH, "svg")
    monkeypatch.setenv("FONTCONFIG_FILE", fontconfig(tmp_path))
    for file_format in ("png", "pdf"):
        with pytest.warns(FontWarning, match="apt install fonts-dejavu-core"):
            render(GRAPH, file_format)
    assert render(GRAPH, "svg") == usual
    assert texts(usual) == ["one & two", "b"]


def test_a_picture_without_text_needs_no_font(
    pygraphviz: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", fontconfig(tmp_path))
    assert render('digraph { a [label=""] }', "png").startswith(b"\x89PNG")


def test_characters_that_no_font_has_are_named(
    pygraphviz: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fonts = latin_font_folder(tmp_path)
    monkeypatch.setenv("FONTCONFIG_FILE", fontconfig(tmp_path, fonts))
    source = 'digraph { "数" [label="loss 中&#25991;" tooltip="図"] }'
    with pytest.warns(FontWarning, match="has 中文: .*fonts-noto-cjk"):
        render(source, "png")
    assert texts(render(source, "svg")) == ["loss 中文"]
    assert render(GRAPH, "png").startswith(b"\x89PNG")


def latin_font_folder(tmp_path: Path) -> Path:
    """Make a folder with one font that has Latin letters and signs, but no Chinese."""
    folder = tmp_path / "fonts"
    folder.mkdir()
    shutil.copy(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), folder)
    return folder


def test_coverage_reads_the_character_maps(tmp_path: Path) -> None:
    fonts = latin_font_folder(tmp_path)
    (fonts / "a.TTF").write_bytes(b"\0\1\0\0\0\7 half a font")
    assert coverage("aZ∂∇₁é𝔸 \n", [fonts]) == Coverage(any_font=True, missing="")
    assert coverage("a中\ufe0f\U0001f9ff", [fonts]).missing == "中\U0001f9ff"
    assert coverage("a", [tmp_path / "none"]) == Coverage(any_font=False, missing="a")


def test_a_last_resort_font_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "blank.ttf").write_bytes(blank_font("中"))
    assert coverage("中", [tmp_path]) == Coverage(any_font=True, missing="中")


def test_folders_come_from_the_users_configuration_and_what_it_includes(tmp_path: Path) -> None:
    for name in ("first", "second", "xdg/third"):
        (tmp_path / name).mkdir(parents=True)
    parts = tmp_path / "conf.d"
    parts.mkdir()
    dir_of = "<fontconfig><dir>{}</dir>{}</fontconfig>".format
    (parts / "10-more.conf").write_text(dir_of(tmp_path / "second", ""), encoding="utf-8")
    (parts / "README").write_text(dir_of(tmp_path, ""), encoding="utf-8")
    main = tmp_path / "main.conf"
    more = '<dir prefix="xdg">third</dir><include>conf.d</include><include>main.conf</include>'
    main.write_text(dir_of(tmp_path / "first", more), encoding="utf-8")
    environment = {"FONTCONFIG_FILE": str(main), "XDG_DATA_HOME": str(tmp_path / "xdg")}
    expected = [tmp_path / "first", tmp_path / "xdg" / "third", tmp_path / "second"]
    assert font_folders(environment) == expected
