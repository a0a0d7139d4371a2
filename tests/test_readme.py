"""What the README says is so: its code runs, and its picture is the one that is drawn today."""

import contextlib
import io
import random
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import micrograd
import viz
from micrograd import article, data, nn, optim, record_step

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_runs_and_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 5
    printed = io.StringIO()
    names = {}
    with contextlib.redirect_stdout(printed):
        for block in blocks:
            exec(block, names)
    assert printed.getvalue().startswith("4.0 0.0\n")
    assert "layer2.bias" in printed.getvalue()
    assert {"graph.svg", "loss.svg", "network.json"} <= {p.name for p in tmp_path.iterdir()}


def texts(svg):
    return [t.text for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_is_todays():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
    for name, language in (("gradient_diagram", "en"), ("gradient_diagram.zh-CN", "zh")):
        kept = (ROOT / "docs" / f"{name}.svg").read_text(encoding="utf-8")
        assert texts(kept) == texts(viz.gradient_diagram(step, language=language).svg())


def test_the_picture_of_recovered_arrays_is_todays():
    random.seed(0)
    network = nn.MLP(3, [5, 5, 3, 1])
    inputs, targets = data.article(800, seed=0)

    def loss(X, y):  # noqa: N803  (as the README has it)
        return sum((network(row) - t) ** 2 for row, t in zip(X, y, strict=True)) / len(X)

    compiled = micrograd.compile(loss, parameters=network.parameters())
    compiled(inputs, targets[:, 0].copy())
    kept = (ROOT / "docs" / "recovered.svg").read_text(encoding="utf-8")
    assert texts(kept) == texts(viz.layer_graph(compiled).svg())


def test_every_file_that_is_named_is_there():
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", README + chinese):
        assert (ROOT / target).exists()
