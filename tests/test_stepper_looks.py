"""What stands out on the page: chains of numbers, text from what is behind it, each stage."""

import re

import pytest
import recorded_models
from browser import needs_browser
from stepper_pages import article_step

import viz

pytestmark = needs_browser
MODELS = recorded_models.steps()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chain_stands_out(chromium, article_page, theme):
    """Its outline from what it surrounds, its wires from the page, 3 to 1; others are faint."""
    with chromium.page(article_page, theme=theme, motion="reduce", step=27) as page:
        page.locator("[id='a_out-fwd'] text.number").last.click()
        assert page.locator(".edge.lit").count() == 8
        for wire in page.locator(".edge.lit").all():
            ink = wire.locator("path").evaluate("e => getComputedStyle(e).stroke")
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert contrast(ink, paper) >= 3
        band = page.locator("g.lit > a > polygon").first
        stroke, fill = band.evaluate("e => [getComputedStyle(e).stroke, getComputedStyle(e).fill]")
        assert contrast(stroke, fill) >= 3
        faint = page.locator(".edge:not(.lit)")
        shown = faint.evaluate_all("wires => wires.map(e => getComputedStyle(e).opacity)")
        assert set(shown) == {"0.15"}
        for n in (0, 9):  # a chain of what is still blank lights up, too
            page.evaluate(f"show({n})")
            wire = page.locator(".edge.lit").first
            assert wire.evaluate("e => getComputedStyle(e).opacity") == "1"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(chromium, files, theme):
    """Text in the picture, which axe does not measure: 4.5 to 1 as it is shown."""
    path = viz.stepper(recorded_models.seeded(MODELS["residual"])).save(files / "contrast.html")
    for figure in (path, viz.stepper(article_step()).save(files / "article.html")):
        with chromium.page(figure, theme=theme, motion="reduce") as page:
            page.keyboard.press("End")
            found = page.evaluate(BEHIND)
            assert len(found) > 60
            poor = [(said, ink, paper) for said, ink, paper in found if contrast(ink, paper) < 4.5]
            assert poor == []
            if theme == "dark":
                assert any(contrast("rgb(255, 255, 255)", paper) > 4.5 for *_, paper in found)


# For each piece of text: its colour, and that of the topmost filled shape which is behind it.
BEHIND = """() => {
  const shapes = [...document.querySelectorAll(".picture svg polygon, .picture svg path")]
    .filter(e => getComputedStyle(e).fill !== "none").map(e => [e, e.getBBox()]);
  const page = getComputedStyle(document.body).backgroundColor;
  return [...document.querySelectorAll(".picture svg text")].flatMap(text => {
    const box = text.getBBox(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    const under = shapes.filter(([e, b]) => e.compareDocumentPosition(text) & 4
      && b.x <= x && x <= b.x + b.width && b.y <= y && y <= b.y + b.height);
    const paper = under.length ? getComputedStyle(under.at(-1)[0]).fill : page;
    const pieces = text.children.length ? [...text.children] : [text];
    return pieces.map(piece => [piece.textContent, getComputedStyle(piece).fill, paper]);
  });
}"""


def contrast(one, other):
    """The ratio of two colours by the Web Content Accessibility Guidelines."""

    def luminance(colour):
        parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390)])
def test_each_stage_brings_its_card_into_view(chromium, article_page, width, height):
    with chromium.page(article_page, width=width, height=height, motion="reduce") as page:
        for n in range(1, page.evaluate("STAGES.length") + 1):
            page.keyboard.press("ArrowRight")
            seen = page.evaluate(SEEN)
            assert seen == [], (n, seen)


# What the last card of a stage fills, as far as it is outside of the view.
SEEN = """() => {
  const view = document.getElementById("ui-view").getBoundingClientRect();
  const card = STAGES[now - 1].c.at(-1);
  return bands.filter(b => b.card === card && b.group.classList.contains("now"))
    .map(b => b.ground.getBoundingClientRect())
    .filter(b => b.left < view.left - 1 || b.right > view.right + 1
      || b.top < view.top - 1 || (b.bottom > view.bottom + 1 && b.height < view.height))
    .map(b => [b.left - view.left, view.right - b.right, b.top - view.top, view.bottom - b.bottom]);
}"""


def test_a_card_unfolds_to_its_operations_and_folds_again(chromium, article_page):
    with chromium.page(article_page) as page:
        page.evaluate("show(STAGES.length)")
        title = page.locator("[id=h0] text.head")
        title.click()
        rows = page.locator("#ui-rows tbody tr")
        names = page.locator("#ui-rows tbody th").all_text_contents()
        assert names == ["W1[0]", "x", "b1[0]", "n2", "z0", "h0"]
        assert rows.nth(3).inner_text().split() == [
            "n2", "W1[0]", "×", "x", "1.2637", "∂n2/∂W1[0]", "=", "2.0000",
            "∂n2/∂x", "=", "0.6319", "3.1439",
        ]  # fmt: skip
        assert "0.5690" in rows.nth(0).inner_text()  # after the step
        page.locator("#ui-rows button.loc").first.click()
        assert "∂n2/∂W1[0] = 2.0000" in page.locator("#ui-steps").inner_text()
        page.evaluate("choose(null); show(4)")
        assert page.locator("#ui-rows .bwd:enabled").count() == 0  # still to come
        title.click()
        assert page.locator("#ui-operations").is_hidden()
        page.select_option("#ui-unit", "out")
        assert "W2[1]" in page.locator("#ui-rows").inner_text()


def test_a_slide_is_read_from_the_last_row(chromium, article_page):
    """Text of the card that a slide is about: a 36th of its height; all of the card is on it."""
    with chromium.page(article_page, width=1213, height=648) as page:
        page.evaluate("slides()")
        page.emulate_media(media="print")
        for slide in page.locator(".slide").all():
            sizes = slide.evaluate(
                "e => [e.getBoundingClientRect().height, ...[...e.querySelectorAll("
                "':scope > svg g.now text')].map(t => t.getBoundingClientRect().height)]"
            )
            assert len(sizes) > 1
            assert sizes[0] <= 649
            assert max(sizes[1:]) >= 648 / 36
