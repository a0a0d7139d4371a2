"""The page that steps: it shows Python's numbers, and computes them again as Python would."""

from __future__ import annotations

import json
import math
import re
import struct
from itertools import pairwise

import pytest
import recorded_models
from browser import axe, needs_browser
from stepper_pages import LAYOUT, article_step, edit, until

import viz
from micrograd import Value, nn, optim, record_step, record_steps
from micrograd.article import networks as article
from micrograd.errors import ArgumentTypeError, LayoutError
from micrograd.ops import FLOATS, OPS
from viz.stepping.javascript import functions
from viz.stepping.page import PROGRAM, asset, embedded

pytestmark = needs_browser
MODELS = recorded_models.steps()


def long(*values):
    return pytest.param(*values, marks=pytest.mark.long)


def texts(page):
    return page.evaluate("[...document.querySelectorAll('.picture text')].map(t => t.textContent)")


def shown(page):
    """The texts of bands that are not blank."""
    return page.evaluate(
        "bands.flatMap(b => b.lines.flatMap(l => l.texts))"
        ".filter(t => getComputedStyle(t).visibility === 'visible').map(t => t.textContent)"
    )


def drawn(step, **options):
    """The texts of the same picture, made in Python."""
    svg = viz.stepper(step, **options).svg()
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    plain = [re.sub(r"<[^>]+>", "", text) for text in found]
    return [t.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for t in plain]


# ---- stepping ------------------------------------------------------------------------------------


def test_by_keys_to_the_end(chromium, article_page):
    with chromium.page(article_page) as page:
        stages = page.evaluate("STAGES.length")
        assert shown(page) == []
        counts = []
        for _ in range(stages):
            page.keyboard.press("ArrowRight")
            counts.append(len(shown(page)))
        assert counts == sorted(counts)
        assert page.locator("#ui-count").text_content() == f"{stages} / {stages}"
        assert texts(page) == drawn(article_step())
        bands = page.evaluate("bands.flatMap(b => b.lines.flatMap(l => l.texts)).length")
        assert counts[-1] == bands
        assert page.evaluate("location.hash") == f"#{stages}"
        page.keyboard.press("ArrowLeft")
        assert page.locator("#ui-count").text_content() == f"{stages - 1} / {stages}"


def test_by_slider_link_and_play(chromium, article_page):
    with chromium.page(article_page, step=3) as page:
        assert page.locator("#ui-count").text_content().startswith("3 /")
        page.locator("#ui-slider").focus()
        page.keyboard.press("End")
        stages = page.evaluate("STAGES.length")
        assert page.locator("#ui-count").text_content() == f"{stages} / {stages}"
        page.evaluate("location.hash = '#step=2'")
        until(page, "now === 2")
        page.locator("#ui-slider").evaluate("e => { e.value = 5; e.oninput(); }")
        assert page.evaluate("now") == 5
        page.select_option("#ui-speed", "800")
        page.locator("#ui-play").click()
        until(page, "now >= 6")
        page.locator("#ui-play").click()
        assert page.evaluate("playing") == 0


def test_backward_is_a_product_at_a_time(chromium, article_page):
    with chromium.page(article_page) as page:
        said = []
        for n in range(1, page.evaluate("STAGES.length") + 1):
            page.evaluate(f"show({n})")
            said.append(page.locator("#ui-equations").inner_text().replace("\n", " "))
    assert "∂L/∂W2[0] = ∂L/∂out × ∂out/∂W2[0] = (-9.28755) × 0.90301 = -8.3868" in said
    assert "∂L/∂z0 = ∂L/∂h0 × ∂h0/∂z0 = 3.1439 × 1 = 3.1439" in said
    update = "W1[0] new = W1[0] − lr × g = 0.6319 − 0.01 × 6.2878"
    assert any(line.startswith(update) for line in said)


def test_paths_are_added_where_they_meet(chromium, files):
    x = Value(0.5, label="x")
    h = x.tanh()
    h.label = "h"
    a, b = h * 2.0, h.sin() * 3.0
    a.label, b.label = "a", "b"
    path = viz.stepper(a + b).save(files / "paths.html")
    with chromium.page(path) as page:
        said = []
        for n in range(1, page.evaluate("STAGES.length") + 1):
            page.evaluate(f"show({n})")
            said.append(page.locator("#ui-equations").inner_text())
    (meeting,) = [line for line in said if "via" in line]
    numbers = re.search(r"= ([-\d.() +]+) = (\d+\.\d{4})$", meeting)
    assert abs(eval(numbers[1]) - float(numbers[2])) < 0.5001e-4
    assert float(numbers[2]) == pytest.approx(2 + 3 * math.cos(math.tanh(0.5)), abs=1e-4)


# ---- computing again -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["1-2-1, batch", "gated"])
def test_what_is_computed_again_is_what_python_printed(chromium, files, name):
    path = viz.stepper(recorded_models.seeded(MODELS[name])).save(files / "model.html")
    with chromium.page(path) as page:
        before = texts(page)
        page.evaluate("rewrite()")
        assert texts(page) == before


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_all_models_are_computed_again(chromium, files, name):
    figure = viz.stepper(recorded_models.seeded(MODELS[name]))
    if '"stages":' not in figure.html():
        pytest.skip("too large for cards")
    with chromium.page(figure.save(files / "model.html")) as page:
        before = texts(page)
        page.evaluate("rewrite()")
        assert texts(page) == before


@pytest.mark.parametrize(
    "rule",
    [
        long(optim.SGD),
        long(lambda p, lr: optim.SGD(p, lr=lr, momentum=0.9)),
        optim.Adam,
        long(optim.AdamW),
        long(optim.RMSprop),
        long(optim.Adagrad),
    ],
)
def test_a_changed_weight_gives_the_page_of_that_weight(chromium, files, rule):
    path = viz.stepper(article_step(rule=rule)).save(files / "rule.html")
    weights = {"layer1.weight": [[0.5], article.PARAMETERS["layer1.weight"][1]]}
    with chromium.page(path) as page:
        edit(page, "W1[0]", "0.5")
        edit(page, "x", "-1.25")
        edit(page, "lr", "0.02")
        changed = article_step(weights, x=[[-1.25]], lr=0.02, rule=rule)
        wanted = drawn(changed)
        found = texts(page)
        legend = [k for k, text in enumerate(wanted) if text.startswith("one sample")
                  or "lr = 0.02" in text]  # fmt: skip
        relu = {f"∂h{k}/∂z{k} = ReLU′(z{k})" for k in (0, 1)}
        for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
            assert k in legend or a == b or a in relu, (a, b)
        page.get_by_role("button", name="as recorded").click()
        assert texts(page) == drawn(article_step(rule=rule))


def test_several_steps_keep_their_state(chromium, files):
    model = article.network()
    adam = optim.Adam(model.parameters(), lr=0.05)
    steps = record_steps(model, nn.MSELoss(), adam, [(article.X, article.Y)] * 3)
    with chromium.page(viz.stepper(steps[2]).save(files / "third.html")) as page:
        before = texts(page)
        page.evaluate("recompute()")
        assert texts(page) == before


@pytest.mark.parametrize("number", ["nan", "-inf", long("inf"), long("1e200")])
def test_what_is_not_finite_travels_and_shows(chromium, article_page, number):
    with chromium.page(article_page) as page:
        edit(page, "x", number)
        values = page.evaluate("V.map(String)")
        wanted = article_step(x=[[float(number)]])
        python = [node.value for node in wanted.tape.nodes]
        for a, b in zip(values, python, strict=True):
            assert same(float(a.replace("Infinity", "inf").replace("NaN", "nan")), b)
        page.keyboard.press("End")
        assert any("nan" in t or "inf" in t or "e+" in t for t in texts(page))


def test_a_mistyped_number_is_refused(chromium, article_page):
    with chromium.page(article_page) as page:
        before = texts(page)
        edit(page, "x", "two")
        assert "two is no number" in page.locator("#ui-wrong").text_content()
        assert texts(page) == before


def same(a, b, places=2):
    """Equal, both nan, or so many units in the last place apart."""
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b) or a == 0 or b == 0:
        return repr(a) == repr(b) or a == b
    x, y = (struct.unpack("<q", struct.pack("<d", z))[0] for z in (a, b))
    return abs(x - y) <= places


EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.7, 20.5, 1e-8, 745.0, -745.0, 1e300,
         math.inf, -math.inf, math.nan)  # fmt: skip
ROUGH = ("exp", "log", "sin", "cos", "tanh", "sigmoid", "erf", "softplus", "pow", "pow_static")


def test_rows_agree_with_python(chromium, files):
    """Every row, value and derivative, on edges: exact, or near where libraries may differ."""
    cases = []
    for name, row in OPS.items():
        static = row.static_samples if row.has_static else (None,)
        for a in EDGES:
            for b in EDGES if row.arity > 1 else (0.0,):
                for k in static:
                    inputs = [a, b, 0.25][: row.arity]
                    given = [*inputs, *([] if k is None else [k])]
                    value = row.f(*given)
                    shares = row.vjp(FLOATS, 0.75, value, *given)
                    cases.append((name, [str(x) for x in given], [value, *map(float, shares)]))
    start = embedded({"digits": 4})
    program = f"const DATA = {start};\n{asset('numbers.js')}\n{functions(OPS)}"
    path = files / "rows.html"
    path.write_text(f"<!doctype html><title>rows</title><script>{program}</script>")
    calls = [(name, given) for name, given, _ in cases]
    with chromium.page(path) as page:
        found = page.evaluate(
            "calls => calls.map(([name, given]) => {"
            "const x = given.map(t => plain(t) ?? Number(t));"
            "const y = F[name](...x); return [y, ...D[name](0.75, y, ...x)].map(v =>"
            " Object.is(v, -0) ? '-0.0' : String(v)); })", calls)  # fmt: skip
    for (name, given, wanted), got in zip(cases, found, strict=True):
        numbers = [float(t.replace("Infinity", "inf").replace("NaN", "nan")) for t in got]
        for a, b in zip(numbers, wanted, strict=True):
            rough = name in ROUGH
            near = math.isfinite(b) and abs(a - b) <= 1e-12 * abs(b) + 1e-300
            assert same(a, b, 2 if rough else 0) or (rough and near), (name, given, a, b)


# ---- derivations ---------------------------------------------------------------------------------


def test_a_click_on_a_number_shows_its_derivation(chromium, article_page):
    step = article_step()
    with chromium.page(article_page, permissions=("clipboard-read", "clipboard-write")) as page:
        page.keyboard.press("End")
        page.locator("[id='a_h0_w0-bwd'] text.number").click()
        said = page.locator("#ui-steps").inner_text().split("\n")
        from micrograd import derivation

        d = derivation(step, "layer1.weight[0,0]")
        wanted = [line.strip() for line in d.text.splitlines()[-4:]]
        assert said == wanted
        assert page.locator("g.lit").count() >= 6
        page.get_by_role("button", name="copy as LaTeX").click()
        until(page, "document.getElementById('ui-copied').textContent !== ''")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.splitlines()[1:5] == d.latex.splitlines()[5:9]
        page.get_by_role("button", name="copy as text").click()
        lit = "[...document.querySelectorAll('.edge.lit')].map(e => e.id)"
        assert sorted(page.evaluate(lit)) == [
            "e-L-out", "e-h0-h0_w0", "e-out-out_w0", "e-out_w0-h0",
        ]  # fmt: skip
        page.keyboard.press("Escape")
        assert page.locator(".lit").count() == 0


def test_every_number_has_a_derivation_that_holds(chromium, files):
    path = viz.stepper(recorded_models.seeded(MODELS["residual"])).save(files / "residual.html")
    with chromium.page(path) as page:
        found = page.evaluate("DATA.q.map((_, q) => [asText(derive(q)), asLatex(derive(q))])")
    checked = 0
    for text, latex in found:
        assert latex.count(r"\left(") == latex.count(r"\right)")
        lines = [line.rpartition("= ")[2] for line in text.splitlines()]
        for numbers, result in pairwise(lines):
            formula = re.fullmatch(r"[-\d.()×+ ]+", numbers)
            if formula and "×" in numbers and re.fullmatch(r"-?\d+\.\d{4}", result):
                assert abs(eval(numbers.replace("×", "*")) - float(result)) <= 0.5001e-4, text
                checked += 1
    assert checked > 50


# ---- safe, small, on paper -----------------------------------------------------------------------

HOSTILE = '</script><img src=x onerror="document.title=1">{title}<!--'


def test_labels_inject_nothing(chromium, files):
    a, b = Value(2.0, label=HOSTILE), Value(3.0, label="<svg onload=alert(1)>")
    path = viz.stepper((a * b).tanh() + a).save(files / "hostile.html")
    with chromium.page(path) as page:
        page.keyboard.press("End")
        page.evaluate("DATA.q.forEach((_, q) => choose(q))")
        assert page.locator("img").count() == 0
        assert page.title() != "1"
        assert "onerror" not in page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).join()"
        )


def test_the_articles_page_is_small(article_page):
    assert article_page.stat().st_size <= 150_000
    text = article_page.read_text("utf-8")
    assert not re.search(r"(src|href)=|url\(|@import|fetch\(|XMLHttp", text)


def test_the_worksheet_has_blanks_and_a_solution(chromium, article_page):
    with chromium.page(article_page, step=7) as page:
        page.evaluate("worksheet(); document.body.classList.add('sheets')")
        sheets = page.locator(".sheet").all()
        assert len(sheets) == 2
        blank, solution = (sheet.text_content() for sheet in sheets)
        assert blank.count("________") >= 15
        outside = page.evaluate(
            "[...document.querySelectorAll('.sheet svg')].flatMap(svg => ["
            "...svg.querySelectorAll('g > a')].flatMap(a => { const band ="
            " a.querySelector('polygon').getBBox(); return [...a.querySelectorAll('text')].filter("
            "t => t.getBBox().x + t.getBBox().width > band.x + band.width + 1)"
            ".map(t => t.textContent) }))"
        )
        assert outside == []
        assert "-8.3868" not in blank
        assert "-8.3868" in solution
        assert "21.5646" in blank  # the forward pass has been stepped through
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 2


def test_without_motion_nothing_moves(chromium, article_page):
    with chromium.page(article_page, motion="reduce") as page:
        assert page.evaluate(
            "getComputedStyle(document.querySelector('.picture text')).transitionDuration"
        ) in ("0s", "")


# ---- for every reader ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "language"), [(390, "en"), (1600, "zh"), long(390, "zh"), long(1600, "en")]
)
def test_nothing_is_cut_off_or_overlaps(chromium, files, width, language):
    path = viz.stepper(article_step(), language=language).save(files / f"{language}.html")
    with chromium.page(path, width=width) as page:
        for n in (0, 2, 12, page.evaluate("STAGES.length")):
            page.evaluate(f"show({n}); choose(STAGES[Math.max(0, now - 1)].e[0][2])")
            assert page.evaluate(LAYOUT) == []
        edit(page, "x", "-123456.789")
        assert page.evaluate(LAYOUT) == []
        stage = page.locator("#ui-title")
        assert stage.is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium, files, article_page, theme):
    source = axe()
    width, step = (390, 9) if theme == "dark" else (1280, 20)
    with chromium.page(article_page, width=width, theme=theme, step=step) as page:
        page.evaluate("choose(STAGES[8].e[0][2])")
        page.evaluate(source)
        found = page.evaluate("axe.run()")
        bad = [
            (v["id"], v["impact"], [n["html"][:90] for n in v["nodes"]][:3])
            for v in found["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert bad == []
        checked = {rule["id"] for rule in found["passes"]}
        assert "color-contrast" in checked


def test_chinese(chromium, files):
    path = viz.stepper(article_step(), language="zh").save(files / "zh.html")
    with chromium.page(path, step=9) as page:
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        assert page.locator("#ui-phase").text_content() == "反向传播"
        assert texts(page) == drawn(article_step(), language="zh")


def test_in_a_notebook_it_runs_in_a_frame_that_reaches_nothing(chromium, files):
    frames = [viz.stepper(article_step())._repr_mimebundle_()["text/html"] for _ in range(2)]
    path = files / "notebook.html"
    path.write_text(f"<!doctype html><title>notebook</title>{''.join(frames)}", "utf-8")
    with chromium.page(path) as page:
        assert 'sandbox="allow-scripts"' in frames[0]
        ids = page.evaluate("[...document.querySelectorAll('[id]')].length")
        assert ids == 0
        for frame in page.frames[1:]:
            frame.locator("#ui-next").click()
            frame.locator("#ui-next").click()
            assert frame.locator("#ui-count").text_content().startswith("2 /")


def test_what_it_does_not_draw_is_said():
    with pytest.raises(ArgumentTypeError, match="stepper draws"):
        viz.stepper([article_step()])


def test_the_program_comes_with_the_package():
    assert all(asset(name) for name in PROGRAM)
    assert json.loads(embedded({"a": "</script>"})) == {"a": "</script>"}


def test_a_changed_weight_in_lines_gives_the_page_of_that_weight(chromium, files):
    """Weights as lines of cards, whose digits are chosen together."""
    first = [[0.3, -0.2, 0.4]] * 4

    def recorded(weight):
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        model.load_state_dict({
            "0.weight": [[weight, *first[0][1:]], *first[1:]], "0.bias": [0.1, 0.2, 0.3, -0.4],
            "2.weight": [[0.5, -0.6, 0.7, 0.25]], "2.bias": [0.05],
        })  # fmt: skip
        adam = optim.Adam(model.parameters(), lr=0.1)
        return record_step(model, nn.MSELoss(), adam, [[1.0, 2.0, -1.5]], [[0.3]])

    path = viz.stepper(recorded(0.3)).save(files / "lines.html")
    with chromium.page(path) as page:
        edit(page, "W1[0,0]", "-0.7123")
        assert texts(page) == drawn(recorded(-0.7123))


def test_the_moving_picture_fills_by_itself(chromium, files):
    figure = viz.stepper(article_step())
    path = files / "moving.svg"
    path.write_text(figure.moving(), "utf-8")
    hidden = (
        "[...document.querySelectorAll('[class*=\" s\"], text[class^=s]')]"
        ".filter(e => getComputedStyle(e).opacity < 0.5).length"
    )
    with chromium.page(path) as page:
        page.evaluate("document.getAnimations().forEach(a => { a.pause(); a.currentTime = 0 })")
        start = page.evaluate(hidden)
        page.evaluate("document.getAnimations().forEach(a => { a.currentTime = 31000 })")
        assert start > 50
        assert page.evaluate(hidden) == 0
    with chromium.page(path, motion="reduce") as page:
        assert page.evaluate("document.getAnimations().length") == 0


def test_a_picture_for_each_stage(tmp_path):
    paths = viz.stepper(article_step()).save_stages(tmp_path / "stages")
    assert [p.name for p in paths][:2] == ["stage01.svg", "stage02.svg"]
    hidden = [p.read_text("utf-8").count('visibility="hidden"') for p in paths]
    assert hidden == sorted(hidden, reverse=True)
    assert hidden[-1] == 0 < hidden[0]


def test_slides_have_a_stage_each(tmp_path):
    figure = viz.stepper(article_step())
    pdf = figure.save(tmp_path / "slides.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 27
    assert re.search(rb"/MediaBox\s*\[0 0 (959|960)[\d.]* 540", pdf)


def test_slides_without_a_browser(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(LayoutError, match="Chromium"):
        viz.stepper(Value(1.0, label="a") * 2.0).save(tmp_path / "slides.pdf")
    assert not (tmp_path / "slides.pdf").exists()
