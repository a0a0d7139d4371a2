"""Every text stays in its box, and can be read there, in each program that draws SVG."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree

import pytest
from peers import Case
from renderers import CHROMIUM, FONTS, RSVG, in_chromium, in_librsvg, read, with_font

import viz
from micrograd import Value, nn, optim, record_step
from micrograd.article import networks as article

SVG = "{http://www.w3.org/2000/svg}"
XLINK_TITLE = "{http://www.w3.org/1999/xlink}title"
LEAST_CONTRAST = 4.5
SLACK = 0.5  # pixels, of what is drawn at the edge of a pixel


def article_step():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    return record_step(model, nn.MSELoss(), sgd, article.X, article.Y)


def expression():
    a, b = Value(2.0, label="a"), Value(-3.0, label="a label of many letters (WWW)")
    result = (a * b + a.tanh()) ** 2
    result.backward()
    return result


def loop():
    v = Value(1.0)
    for _ in range(500):
        v = v * 1.5 + 0.5
    return v


def karpathy_step():
    random.seed(3)
    model = nn.MLP(2, [2, 1])
    sgd = optim.SGD(model.parameters(), lr=0.1)
    return record_step(model, lambda out, y: (out - y) ** 2, sgd, [1.0, 2.0], 3.0)


def compiled():
    import micrograd

    w = [[Value(0.1 * i - 0.2 * j) for i in range(3)] for j in range(4)]
    f = micrograd.compile(lambda x: sum(sum(a * b for a, b in zip(row, x)).tanh() for row in w))  # noqa: B905
    f([1.0, 2.0, 3.0])
    return f


VIEWS = {
    "op_graph": lambda: viz.op_graph(article_step()),
    "op_graph, local": lambda: viz.op_graph(expression(), local=True),
    "op_graph, modules": lambda: viz.op_graph(karpathy_step()),
    "op_graph, folded": lambda: viz.op_graph(Case(1, sizes=[3, 5, 5, 3, 1], samples=2).step()),
    "op_graph, a loop": lambda: viz.op_graph(loop()),
    "gradient_diagram": lambda: viz.gradient_diagram(article_step()),
    "gradient_diagram, batch": lambda: viz.gradient_diagram(
        Case(2, sizes=[3, 4, 4, 1], samples=4).step(), sample=1
    ),
    "layer_graph": lambda: viz.layer_graph(Case(1, sizes=[3, 5, 5, 3, 1], samples=1).step()),
    "layer_graph, heat maps": lambda: viz.layer_graph(Case(6, sizes=[20, 30, 2]).step()),
    "layer_graph, compiled": lambda: viz.layer_graph(compiled()),
    "Chinese": lambda: viz.gradient_diagram(article_step(), language="zh"),
}
# The widest in every run; Chromium has all of them.
SOME_FONTS = [*[pytest.param(f, marks=pytest.mark.long) for f in FONTS[:-1]], FONTS[-1]]
each_view = pytest.mark.parametrize("view", VIEWS)


@pytest.fixture(scope="module")
def pictures():
    return {}


def picture(view, pictures):
    if view not in pictures:
        pictures[view] = VIEWS[view]().svg()
    return pictures[view]


@pytest.fixture
def svg(view, pictures):
    return picture(view, pictures)


def outside(svg, boxes):
    """The texts that run out of what they stand on, and by how much."""
    texts = read(svg)
    assert len(texts) == len(boxes) > 0
    found = {}
    for text, box in zip(texts, boxes, strict=True):
        if box is None:
            if text.content.strip():
                found[text.content] = "not drawn"
            continue
        ground = text.ground((box.left + box.right) / 2)
        if ground is None:
            found[text.content] = "on nothing"
            continue
        over = max(ground.box.left - box.left, box.right - ground.box.right)
        over = max(over, ground.box.top - box.top - 1, box.bottom - ground.box.bottom - 1)
        if over > SLACK:
            found[text.content] = over
    return found


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_texts_stay_in_their_boxes_in_chromium(pictures):
    svgs = [with_font(picture(view, pictures), font) for view in VIEWS for font in FONTS]
    for svg, boxes in zip(svgs, in_chromium(svgs), strict=True):
        assert outside(svg, boxes) == {}


@pytest.mark.some(4)
@pytest.mark.skipif(RSVG is None, reason="rsvg-convert is not installed")
@pytest.mark.parametrize("font", SOME_FONTS)
@each_view
def test_texts_stay_in_their_boxes_in_librsvg(svg, font):
    assert outside(svg, in_librsvg(with_font(svg, font))) == {}


@pytest.mark.skipif(RSVG is None, reason="rsvg-convert is not installed")
def test_a_text_that_runs_out_of_its_box_is_noticed():
    svg = viz.op_graph(expression()).svg()
    wide = svg.replace('font-size="13.00"', 'font-size="26.00"')
    wide = wide.replace('font-size="12.00"', 'font-size="26.00"')
    assert outside(svg, in_librsvg(wide))


@each_view
def test_no_text_is_stretched(svg):
    assert "textLength" not in svg


# ---- contrast ------------------------------------------------------------------------------------


def luminance(colour):
    colour = {"white": "#ffffff", "black": "#000000"}.get(colour, colour)
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(c * share for c, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one, other):
    """As the Web Content Accessibility Guidelines define it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "white") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@each_view
def test_every_text_has_contrast_with_what_it_stands_on(svg):
    for text in read(svg):
        shift = {"end": -1.0, "middle": 0.0}.get(text.anchor, 1.0)
        ground = text.ground(text.x + shift)
        assert ground is not None, text
        for fill in text.fill.split():
            found = contrast(fill, ground.fill)
            assert found >= LEAST_CONTRAST, (text.content, fill, ground.fill, found)


def test_draw_dot_is_black_on_white():
    svg = viz.draw_dot(expression()).pipe("svg", encoding="utf-8")
    for text in read(svg):
        assert (text.fill, text.ground(text.x).fill) == ("black", "white")


# ---- in words ------------------------------------------------------------------------------------


@each_view
def test_titles_are_words(svg):
    root = ElementTree.fromstring(svg)
    said = [t.text for t in root.iter(f"{SVG}title")] + [root.findtext(f"{SVG}desc")]
    said += [a.get(XLINK_TITLE) for a in root.iter() if a.get(XLINK_TITLE)]
    assert len(said) > 5
    for text in said:
        assert text
        assert not {"<", ">"} & set(text), text
        assert "layer0" not in text
        assert "_w0" not in text
    assert root.get("role") == "img"
    ids = {element.get("id"): element for element in root.iter()}
    assert [ids[name].tag for name in root.get("aria-labelledby").split()] == [
        f"{SVG}title", f"{SVG}desc",
    ]  # fmt: skip


def test_a_card_and_a_wire_in_words():
    root = ElementTree.fromstring(viz.op_graph(expression(), local=True).svg())
    titles = {g.get("id"): g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g")}
    assert titles["n0"].startswith("a. forward value: 2.0000. gradient")
    assert "local derivative -3.0000" in titles["e-n0-n2"]
    assert titles["e-n0-n2"].startswith("a to a × a label")
