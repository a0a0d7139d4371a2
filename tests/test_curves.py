"""The plots show the numbers they were given, can be read, and leave nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from plots import FIGURES, RUNS, figures, laid_out, legend_texts, svg_of

from micrograd import MicrogradError
from micrograd.errors import FontWarning
from viz import curves
from viz.plots import fonts, inks
from viz.plots.words import WORDS

SMALLEST_TEXT = 9.0
SVG = "{http://www.w3.org/2000/svg}"
CHINESE = re.compile("[\u4e00-\u9fff]")
SYMBOLS = {"", "a", "b", "L"}  # labels that are the same in every language


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_title_labels_and_legend(name: str) -> None:
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    for axes in figure.axes:
        assert axes.get_xlabel()
        shares_labels = name in ("factors", "comparison", "starts")
        assert axes.get_ylabel() or shares_labels, axes
    assert all(legend_texts(figure))


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_small_or_cut_off(name: str) -> None:
    assert_readable(FIGURES[name]())


def assert_readable(figure) -> None:
    laid_out(figure)
    width, height = figure.bbox.size
    for text in figure.findobj(matplotlib.text.Text):
        if not text.get_text().strip() or not text.get_visible():
            continue
        assert text.get_fontsize() >= SMALLEST_TEXT or "$" in text.get_text()
    titles = [axes.get_title(loc="left") and axes._left_title for axes in figure.axes]
    titles = [title.get_window_extent() for title in titles if title]
    for i, box in enumerate(titles):
        assert not any(box.overlaps(other) for other in titles[:i])
    for axes in figure.axes:
        for text in axes.texts:
            assert text.get_window_extent().x1 <= width, text
    for artist in [*figure.legends, *(axes._left_title for axes in figure.axes), *figure.texts]:
        box = artist.get_window_extent()
        assert box.x0 >= 0, artist
        assert box.x1 <= width, artist
        assert box.y0 >= 0, artist
        assert box.y1 <= height, artist


@pytest.mark.parametrize("name", FIGURES)
def test_legend_covers_no_axes(name: str) -> None:
    assert_legend_covers_no_axes(FIGURES[name]())


def assert_legend_covers_no_axes(figure) -> None:
    laid_out(figure)
    for legend in figure.legends:
        for axes in figure.axes:
            assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_the_same_input_gives_the_same_bytes(format: str) -> None:
    first, second = FIGURES["loss"](), figures()["loss"]()
    content = first.content(format)
    assert content == second.content(format)
    assert content == first.content(format)


def test_the_users_settings_change_nothing() -> None:
    plain = FIGURES["steps"]().content("svg")
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.unicode_minus": False, "lines.marker": "x"}):
        assert FIGURES["steps"]().content("svg") == plain
    assert dict(matplotlib.rcParams) == before


def test_save(tmp_path) -> None:
    figure = FIGURES["loss"]()
    path = figure.save(tmp_path / "loss.SVG")
    assert path.read_bytes() == figure.content("svg")
    assert figure.save(str(tmp_path / "loss.pdf")).read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="svg, png, pdf, got 'jpg'"):
        figure.save(tmp_path / "loss.jpg")
    assert sorted(os.listdir(tmp_path)) == ["loss.SVG", "loss.pdf"]


def test_a_notebook_shows_the_figure_without_pyplot() -> None:
    data, _ = DisplayFormatter().format(FIGURES["loss"]())
    assert ElementTree.fromstring(data["image/svg+xml"]).get("width") == "518.4pt"


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_has_its_words_as_text_on_a_white_ground(name: str) -> None:
    figure = FIGURES[name]()
    root = ElementTree.fromstring(svg_of(name))
    drawn = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    for axes in figure.axes:
        for label in (axes.get_xlabel(), axes.get_ylabel(), *axes.get_title(loc="left").split()):
            assert label in drawn
    for text in legend_texts(figure):
        assert text in drawn
    ground = next(root.iter(f"{SVG}path"))
    assert "fill: #ffffff" in ground.get("style")
    assert "opacity" not in ground.get("style")


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_says_what_it_shows(name: str) -> None:
    figure = FIGURES[name]()
    root = ElementTree.fromstring(svg_of(name))
    assert root.get("role") == "img"
    said = root.get("aria-label")
    assert said == figure.alt
    for text in [*legend_texts(figure), figure.axes[-1].get_xlabel()]:
        assert text in said


@pytest.mark.parametrize("name", FIGURES)
def test_text_is_as_dark_as_it_must_be(name: str) -> None:
    figure = FIGURES[name]()
    laid_out(figure)
    for text in figure.findobj(matplotlib.text.Text):
        if text.get_text().strip():
            assert contrast(text.get_color(), figure.get_facecolor()) >= 4.5


def contrast(*colors) -> float:
    """The ratio of WCAG 2."""
    lights = []
    for color in colors:
        rgb = np.array(matplotlib.colors.to_rgb(color))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        lights.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return max(lights) / min(lights)


def test_lines_can_be_seen_on_white() -> None:
    for color in inks.COLORS:
        assert contrast(color, "white") >= 3


def test_a_method_has_one_colour_in_all_plots() -> None:
    wanted = {
        "SGD": inks.ink(0), "momentum": inks.ink(1), "Adagrad": inks.ink(2),
        "RMSprop": inks.ink(3), "Adam": inks.ink(4), "stochastic": inks.ink(5),
        "batch": inks.ink(6),
    }  # fmt: skip
    assert len({ink.color for ink in wanted.values()}) == len(wanted)
    runs = dict.fromkeys(reversed(wanted), RUNS["SGD"])
    for name, line in zip(runs, curves.loss_curves(runs).axes[0].lines, strict=True):
        assert line.get_color() == wanted[name].color
    some = dict.fromkeys(("batch (300)", "mine", "Adam, lr 0.3", "小批量 (32)"), RUNS["SGD"])
    colors = [line.get_color() for line in curves.comparison(some).axes[0].lines]
    assert colors[0] == wanted["batch"].color
    assert colors[1] not in {ink.color for ink in wanted.values()}
    assert colors[2:] == [wanted["Adam"].color, wanted["SGD"].color]
    paths = curves.optimizer_paths(steps=3)
    factors = curves.step_sizes(steps=3)
    methods = ("SGD", "momentum", "Adagrad", "RMSprop", "Adam")
    for axes, name in zip(paths.axes, methods, strict=False):
        assert axes.lines[0].get_color() == wanted[name].color
    for axes, name in zip(factors.axes, ("SGD", "Adagrad", "RMSprop", "Adam"), strict=True):
        assert {line.get_color() for line in axes.lines} == {wanted[name].color}


def test_two_runs_of_one_method_differ() -> None:
    names = ["Adam, lr 0.1", "Adam, lr 0.01", "SGD", *(f"run {i}" for i in range(12))]
    looks = inks.inks(names)
    assert list(looks) != []
    assert len(set(looks.values())) == len(names)
    assert looks["Adam, lr 0.1"] == inks.ink(4)
    assert looks["SGD"] == inks.ink(0)


WITHOUT_PYPLOT = """
import sys
import viz
assert "matplotlib" not in sys.modules, "import viz"
from micrograd.training.fit import History
figure = viz.curves.loss_curves({"SGD": History([2.0, 1.0])})
figure.content("png")
assert "matplotlib.pyplot" not in sys.modules
import matplotlib.pyplot
assert matplotlib.pyplot.get_fignums() == []
"""


def test_import_viz_loads_no_matplotlib_and_pyplot_knows_no_figure() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT_PYPLOT], check=True)


WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None
import viz
from micrograd import MicrogradError
for ask in (lambda: viz.curves, lambda: __import__("viz.curves")):
    try:
        ask()
    except ImportError as error:
        assert isinstance(error, MicrogradError)
        assert 'pip install "micrograd-tracer[plot]"' in str(error), error
    else:
        raise AssertionError("no error")
"""


def test_without_matplotlib_the_error_names_the_pip_command() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_MATPLOTLIB], check=True)


def test_viz_has_no_other_attributes() -> None:
    import viz

    assert viz.curves is curves
    with pytest.raises(AttributeError, match="no attribute 'curvs'"):
        _ = viz.curvs


# ---- Chinese -----------------------------------------------------------------------------------


SOME = [name if name == "loss" else pytest.param(name, marks=pytest.mark.long) for name in FIGURES]


@pytest.fixture
def chinese():
    """Every plot in Chinese; on a machine without a font for it, the warning is ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FontWarning)
        yield figures(language="zh")


@pytest.mark.parametrize("name", SOME)
def test_titles_and_labels_are_chinese(name: str, chinese) -> None:
    figure = chinese[name]()
    assert CHINESE.search(figure.get_suptitle() or figure.axes[0].get_title(loc="left"))
    labels = {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    assert labels - SYMBOLS
    assert all(CHINESE.search(label) for label in labels - SYMBOLS)
    for ending, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        assert figure.content(ending).startswith(start)


@pytest.mark.parametrize("name", SOME)
def test_chinese_is_not_cut_off(name: str, chinese) -> None:
    assert_readable(chinese[name]())
    assert_legend_covers_no_axes(chinese[name]())


def test_both_forms_of_words_have_the_same_fields() -> None:
    for english, other in WORDS.values():
        fields = [sorted(re.findall(r"\{.*?\}", text)) for text in (english, other)]
        assert fields[0] == fields[1]
        assert CHINESE.search(other)


@pytest.mark.parametrize("name", FIGURES)
def test_another_language_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="language must be one of en, zh, got 'fr'") as caught:
        figures(language="fr")[name]()
    assert isinstance(caught.value, MicrogradError)


def test_without_a_chinese_font_one_warning_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: {"DejaVu Sans", "Arial"})
    figure = figures(language="zh")["loss"]()
    for ending in ("png", "pdf"):
        with pytest.warns(FontWarning, match="apt install fonts-noto-cjk") as caught:
            figure.content(ending)  # without a warning for each character
        assert [os.path.basename(warning.filename) for warning in caught] == ["test_curves.py"]
    assert figure.content("svg")  # which a reader's own fonts draw
    figure.canvas.draw()
    FIGURES["loss"]().content("png")


def test_only_fonts_that_are_there_are_asked_for(monkeypatch) -> None:
    known = {"SimHei", "Noto Sans CJK JP", "Arial"}
    monkeypatch.setattr(fonts, "installed", lambda: known)
    assert fonts.families("zh") == ["DejaVu Sans", "Noto Sans CJK JP", "SimHei"]
    assert fonts.families("en") == ["DejaVu Sans"]


def test_no_font_is_looked_for_in_vain(chinese, caplog) -> None:
    chinese["loss"]().content("png")
    assert not caplog.records
    assert "DejaVu Sans" in fonts.installed()
