"""The plots show the numbers they were given, can be read, and leave nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings

import matplotlib
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from plots import FIGURES, figures, legend_texts

from micrograd import MicrogradError
from micrograd.errors import FontWarning
from viz import curves
from viz.plots import fonts
from viz.plots.words import WORDS

SMALLEST_TEXT = 9.0
CHINESE = re.compile("[\u4e00-\u9fff]")
SYMBOLS = {"", "a", "b", "L"}  # labels that are the same in every language


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_title_labels_and_legend(name: str) -> None:
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    for axes in figure.axes:
        assert axes.get_xlabel()
        shares_labels = name in ("factors", "comparison")
        assert axes.get_ylabel() or shares_labels, axes
    assert all(legend_texts(figure))


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_small_or_cut_off(name: str) -> None:
    assert_readable(FIGURES[name]())


def assert_readable(figure) -> None:
    figure.canvas.draw()
    width, height = figure.bbox.size
    for text in figure.findobj(matplotlib.text.Text):
        if not text.get_text().strip() or not text.get_visible():
            continue
        assert text.get_fontsize() >= SMALLEST_TEXT or "$" in text.get_text()
    for artist in [*figure.legends, *(axes.title for axes in figure.axes), *figure.texts]:
        box = artist.get_window_extent()
        assert box.x0 >= 0, artist
        assert box.x1 <= width, artist
        assert box.y0 >= 0, artist
        assert box.y1 <= height, artist


@pytest.mark.parametrize("name", FIGURES)
def test_legend_covers_no_axes(name: str) -> None:
    assert_legend_covers_no_axes(FIGURES[name]())


def assert_legend_covers_no_axes(figure) -> None:
    figure.canvas.draw()
    for legend in figure.legends:
        for axes in figure.axes:
            assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_the_same_input_gives_the_same_bytes(format: str) -> None:
    first, second = FIGURES["paths"](), FIGURES["paths"]()
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
    data, metadata = DisplayFormatter().format(FIGURES["loss"]())
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"] == {"width": 720, "height": 420}


WITHOUT_PYPLOT = """
import sys
import viz
assert "matplotlib" not in sys.modules, "import viz"
from micrograd.loop import History
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


@pytest.fixture
def chinese():
    """Every plot in Chinese; on a machine without a font for it, the warning is ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FontWarning)
        yield figures(language="zh")


@pytest.mark.parametrize("name", FIGURES)
def test_titles_and_labels_are_chinese(name: str, chinese) -> None:
    figure = chinese[name]()
    assert CHINESE.search(figure.get_suptitle() or figure.axes[0].get_title(loc="left"))
    labels = {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    assert labels - SYMBOLS
    assert all(CHINESE.search(label) for label in labels - SYMBOLS)
    for ending, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        assert figure.content(ending).startswith(start)


@pytest.mark.parametrize("name", FIGURES)
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
    with pytest.warns(FontWarning, match="apt install fonts-noto-cjk") as caught:
        figure = figures(language="zh")["loss"]()
    assert [os.path.basename(warning.filename) for warning in caught] == ["plots.py"]
    assert figure.content("png")  # without a warning for each character
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
