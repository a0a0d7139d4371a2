"""The page of a large graph: it unfolds, is searched, derives, computes again, and stays quick."""

import math
import random
import re

import pytest
from browser import axe, needs_browser
from stepper_pages import LAYOUT, edit, until

import viz
from micrograd import Value, nn, optim, record_step
from micrograd.errors import GraphError
from micrograd.nn import MLP
from viz.diagram.rows import Rows
from viz.stepping.groups import graph_of_step, groups_data

pytestmark = needs_browser


def network(samples=1, rule=optim.SGD, width=20, y=1.0):
    random.seed(0)
    model = nn.Sequential(
        nn.Linear(3, width), nn.Tanh(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
    )
    generator = random.Random(1)
    for parameter in model.parameters():
        for index, element in enumerate(parameter.reshape(-1)):
            element.data = generator.uniform(-1, 1) / (1 + index % 3)
    x = [[0.1 * k + 0.05 * n for k in range(3)] for n in range(samples)]
    return record_step(model, nn.MSELoss(), rule(model.parameters(), lr=0.1), x, [[y]] * samples)


@pytest.fixture(scope="module")
def step():
    return network(samples=2, rule=optim.Adam)


@pytest.fixture(scope="module")
def unfolding(files, step):
    return viz.stepper(step).save(files / "unfolding.html")


def heads(page):
    return page.locator("#ui-graph .card > .head > b").all_text_contents()


def test_layers_unfold_to_neurons_and_operations_and_fold_again(chromium, unfolding):
    with chromium.page(unfolding) as page:
        assert heads(page) == [
            "inputs and targets", "0  Linear, Tanh", "2  Linear, ReLU", "4  Linear",
            "loss  MSELoss",
        ]  # fmt: skip
        assert page.locator("tbody tr").count() == 0
        page.get_by_role("button", name="0 Linear, Tanh").click()
        neurons = [h for h in heads(page) if "neuron" in h]
        assert neurons == [f"hidden neuron h1[{k}]" for k in range(12)]
        page.get_by_role("button", name="and 8 more").click()
        assert len([h for h in heads(page) if "neuron" in h]) == 20
        page.get_by_role("button", name="hidden neuron h1[3]").click()
        own = page.locator("tr[data-i] > th").all_text_contents()
        assert own == ["W1[3,0]", "W1[3,1]", "W1[3,2]", "b1[3]"]
        assert [h for h in heads(page) if "sample" in h] == ["sample 1 of 2", "sample 2 of 2"]
        page.get_by_role("button", name="sample 2 of 2").click()
        assert page.locator("tr[data-i]").count() == 4 + 7
        page.get_by_role("button", name="0 Linear, Tanh").click()
        assert page.locator("tr[data-i]").count() == 0
        assert len(heads(page)) == 5


def test_a_drag_moves_and_is_no_click(chromium, unfolding):
    with chromium.page(unfolding, width=600) as page:
        page.evaluate("LAYERS[0].open = true; draw()")
        head = page.get_by_role("button", name="hidden neuron h1[1]").bounding_box()
        x, y = head["x"] + 20, head["y"] + 5
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 60, y - 30, steps=4)
        page.mouse.up()
        assert page.evaluate("document.getElementById('ui-view').scrollLeft") >= 40
        assert page.locator("tr[data-i]").count() == 0
        page.get_by_role("button", name="hidden neuron h1[1]").click()
        assert page.locator("tr[data-i]").count() == 4
        page.keyboard.press("b")
        assert not page.locator("#ui-blank").is_checked()


def test_every_number_is_pythons(chromium, unfolding, step):
    with chromium.page(unfolding) as page:
        found = page.evaluate("[V, G]")
        for node, value, gradient in zip(step.tape.nodes, *found, strict=True):
            assert value == pytest.approx(node.value, rel=1e-12, abs=1e-300)
            assert (gradient is None) == (node.gradient is None)
            if gradient is not None:
                assert gradient == pytest.approx(node.gradient, rel=1e-11, abs=1e-15)
        for record in step.parameters:
            for at in ((0,) * record.before.ndim, tuple(n - 1 for n in record.before.shape)):
                place = int(record.positions[at])
                new = page.evaluate(f"value(newAt({place}))")
                assert new == pytest.approx(float(record.after[at]), rel=1e-12)


def test_rows_say_what_holds(chromium, unfolding):
    """Local derivatives of each row, as a reader computes them: ∂n/∂a of a product is the other."""
    with chromium.page(unfolding) as page:
        page.evaluate("GROUPS.forEach(g => { g.open = g.k < 4 || g === LAYERS[0]; }); draw()")
        rows = page.evaluate(
            "[...document.querySelectorAll('tr[data-i]')].map(r => [...r.children].map("
            "c => c.innerText))"
        )
    value_of = {row[0]: row[2] for row in rows}
    checked = 0
    for name, formula, _, local, *_ in rows:
        if found := re.fullmatch(r"(W1\[\d,\d\]) × (\S+)", formula):
            weight, x = found.groups()
            assert f"∂{name}/∂{x} = {value_of[weight]}" in " ".join(local.split())
            checked += 1
    assert checked >= 3


def test_search_unfolds_to_what_is_found_and_it_can_be_changed(chromium, unfolding, step):
    with chromium.page(unfolding, motion="reduce") as page:
        page.locator("#ui-search").fill("W2[13,4]")
        assert "1 found" in page.locator("#ui-found").text_content()
        page.keyboard.press("Enter")
        record = step.parameter("2.weight")
        place = int(record.positions[13, 4])
        assert page.locator(f"tr[data-i='{place}']").is_visible()
        assert page.evaluate(
            "i => { const a = document.querySelector(`tr[data-i='${i}']`).getBoundingClientRect(),"
            " b = document.getElementById('ui-view').getBoundingClientRect();"
            " return a.top >= b.top && a.bottom <= b.bottom; }", place)  # fmt: skip
        assert page.locator("#ui-derived").text_content() == "W2[13,4]"
        edit(page, "its number W2[13,4]", "nan")
        assert page.evaluate("String(V[ROOT])") == "NaN"
        assert "nan" in page.locator(f"tr[data-i='{place}']").inner_text()
        page.get_by_role("button", name="as recorded").click()
        assert page.evaluate("V[ROOT]") == pytest.approx(step.loss, rel=1e-12)


def test_a_learning_rate_changes_what_is_new(chromium, unfolding, step):
    with chromium.page(unfolding) as page:
        place = int(step.parameter("4.bias").positions[0])
        before = page.evaluate(f"value(newAt({place})) - V[{place}]")
        edit(page, "learning rate", "0.3")
        after = page.evaluate(f"value(newAt({place})) - V[{place}]")
        assert after == pytest.approx(3 * before, rel=1e-9)


def test_stages_fill_layer_by_layer_and_end_with_the_update(chromium, unfolding):
    with chromium.page(unfolding, step=0) as page:
        said, filled = [], []
        for _ in range(page.evaluate("STAGES.length")):
            page.keyboard.press("ArrowRight")
            said.append(page.locator("#ui-equations").inner_text().replace("\n", " "))
            filled.append(page.locator("#ui-graph .band b, #ui-graph .number:enabled").count())
        assert page.locator("#ui-count").text_content() == "9 / 9"
        assert page.locator("#ui-phase").text_content() == "Update rule"
    assert "W1[0,0] new = W1[0,0] − lr × m̂ / (√(v̂) + ε) = " in said[-1]
    for text in said[:-1]:
        for formula, result in re.findall(r"= ([-\d.() +×]+) = (-?\d+\.\d{4})(?!\d|e)", text):
            assert abs(eval(formula.replace("×", "*")) - float(result)) <= 0.5001e-4, text


def test_a_click_lights_the_chain_and_derives_it(chromium, unfolding, step):
    with chromium.page(unfolding) as page:
        page.locator("#ui-search").fill("W1[3,1]")
        page.keyboard.press("Enter")
        place = int(step.parameter("0.weight").positions[3, 1])
        page.locator(f"tr[data-i='{place}'] .number.bwd").click()
        text = page.locator("#ui-steps").inner_text()
        assert text.startswith("40 paths, by way of the 2 uses of W1[3,1]")
        assert text.splitlines()[-1] == f"∂L/∂W1[3,1] = {record_of(step, place):.4f}"
        parts = re.findall(r"≈ (-?\d+\.\d{4})$", text, re.MULTILINE)
        assert sum(map(float, parts)) == pytest.approx(record_of(step, place), abs=1e-4)
        assert page.locator(".wire.bwd.lit").count() >= 3
        assert page.locator(".wire.fwd.lit").count() == 0
        page.locator("#ui-steps button").first.click()  # upstream, derived in its turn
        assert "∂L/∂n" in page.locator("#ui-derived").text_content()
        page.keyboard.press("Escape")
        assert page.locator(".lit").count() == 0


def record_of(step, place):
    return step.tape.nodes[place].gradient


def test_a_deep_chain_is_derived_without_writing_it_all(chromium, files):
    """Five thousand operations one after the other, in a loop that has no modules."""
    v = x = Value(0.5, label="x")
    for _ in range(2500):
        v = v * 0.999 + 0.001
    with chromium.page(viz.stepper(v).save(files / "chain.html")) as page:
        parts = page.evaluate("[LAYERS.length, GROUPS.map(g => g.ops.length), STAGES.length]")
        layers, sizes, stages = parts
        assert 5 <= layers <= 60
        assert max(sizes) <= 100
        assert (sum(sizes), stages) == (5000, 2 * layers)
        far = page.evaluate("home.findIndex((g, i) => i > 3900 && g >= 0)")
        page.evaluate("i => reveal(GROUPS[home[i]], i)", far)
        assert page.evaluate(
            "i => { const a = document.querySelector(`tr[data-i='${i}']`), view = a.closest("
            "'.table').getBoundingClientRect(), row = a.getBoundingClientRect();"
            " return row.top >= view.top && row.bottom <= view.bottom; }", far)  # fmt: skip
        page.evaluate("choose(gradientAt(0))")
        assert page.evaluate("G[0]") == pytest.approx(0.999**2500, rel=1e-9)
        assert page.locator("#ui-steps li").count() < 40
        page.evaluate("choose(valueAt(ROOT))")
        assert page.locator("#ui-derived").text_content() == "v"
        assert "equations before" in page.locator("#ui-steps").inner_text()
    assert x.label == "x"


def test_other_languages_and_hostile_names(chromium, files):
    hostile = "</script><img src=x onerror=document.title=1>"
    leaves = [Value(0.01 * k, label=f"{hostile}[{k}]") for k in range(40)]
    total = leaves[0]
    for a in leaves:
        for b in leaves:
            total = total + a * b
    path = viz.stepper(total, language="zh").save(files / "hostile-large.html")
    with chromium.page(path) as page:
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        page.evaluate("GROUPS.forEach(g => { g.open = true; }); draw()")
        page.evaluate("choose(valueAt(0)); choose(gradientAt(3)); choose(valueAt(ROOT))")
        assert page.locator("img").count() == 0
        assert page.title() != "1"


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1600, "light")])
def test_nothing_is_cut_off_and_axe_finds_nothing_serious(chromium, unfolding, width, theme):
    with chromium.page(unfolding, width=width, theme=theme, motion="reduce") as page:
        page.evaluate("LAYERS[0].open = LAYERS[0].inside[1].open = true; show(9)")
        page.evaluate("choose(gradientAt(LAYERS[0].inside[1].leaves[0]))")
        assert page.evaluate("const bands = [];" + f"({LAYOUT})()") == []
        page.evaluate(axe())
        bad = [v["id"] for v in page.evaluate("axe.run()")["violations"]
               if v["impact"] in ("serious", "critical")]  # fmt: skip
        assert bad == []


def test_a_graph_beyond_the_limit_is_refused(monkeypatch, step):
    monkeypatch.setattr("viz.views.stepper.MOST_OPERATIONS", 100)
    with pytest.raises(GraphError, match="a page can hold 100"):
        viz.stepper(step)


@pytest.mark.long
def test_a_hundred_thousand_operations(chromium, files):
    """What is not unfolded is not laid out; each loop over the graph is a small part of opening."""
    step = network(samples=100, width=25)
    assert len(step.tape.nodes) > 100_000
    with chromium.page(viz.stepper(step).save(files / "large.html")) as page:
        assert page.evaluate("document.querySelectorAll('*').length") < 400
        page.get_by_role("button", name="2 Linear, ReLU").click()
        page.get_by_role("button", name="hidden neuron h2[5]").click()
        until(page, "document.querySelectorAll('tr[data-i]').length > 20")
        assert page.evaluate("document.querySelectorAll('*').length") < 3000
        assert math.isfinite(page.evaluate("V[ROOT]"))


def test_a_list_of_layers_is_no_card_around_all():
    model = MLP(4, [16, 16, 1])
    rule = optim.SGD(model.parameters(), lr=0.1)

    def loss(out, y):
        return sum((a - b) ** 2 for a, b in zip(out, y, strict=True))

    step = record_step(model, loss, rule, [[0.1, 0.2, 0.3, 0.4]] * 3, [1.0, 2.0, 3.0])
    groups = groups_data(graph_of_step(step, "", Rows(4, "en")), Rows(4, "en"))["groups"]
    outermost = [title for title, above, _ in groups if above < 0]
    assert outermost == ["layers[0]", "layers[1]", "layers[2]", "operations"]
