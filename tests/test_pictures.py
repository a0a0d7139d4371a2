"""What all pictures have in common, the operation graph and `draw_dot`."""

import contextlib
import io
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from matplotlib import pyplot
from peers import Case
from pictures import Picture

import viz
from micrograd import MicrogradError, Value, nn, optim, record_step
from micrograd.article import networks as article
from micrograd.errors import ArgumentTypeError, LayoutError
from viz.operations.folding import MOST_NODES

HOSTILE = [
    "quotes \" and ' and `",
    r"back\slash \N \G \l \\",
    "<script>alert(1)</script>",
    "<B>bold</B> <TABLE> &amp; & &#38;",
    "]]> --> <!-- {a|b}",
    "two\nlines\r\nand\ttabs",
    "中文 ₁ ∂ 🙂",
    "x" * 10_000,
    "\x00\x08\x1b\ud800\ufffe",
    "%s {0} $HOME",
    " ",
]


def article_step():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    return record_step(model, nn.MSELoss(), sgd, article.X, article.Y)


def shown(label):
    """What a picture shows of a label: one line, without control characters, shortened."""
    line = " ".join(label.split("\n"))
    return line if len(line) <= 100 else line[:99] + "…"


@pytest.mark.some(8)
@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("draw", [viz.op_graph, viz.draw_dot])
def test_any_label_draws_and_injects_nothing(draw, label):
    a = Value(2.0, label=label)
    b = a * a
    b.label = label
    drawn = draw(b)
    svg = drawn.svg() if isinstance(drawn, viz.Figure) else drawn.pipe(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    allowed = {"svg", "g", "title", "desc", "polygon", "text", "tspan", "path", "a", "ellipse",
               "polyline"}  # fmt: skip
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= allowed
    assert not any(name.startswith("on") for e in root.iter() for name in e.attrib)
    if label.isprintable() and label.strip():
        texts = [(t.text or "").replace("\N{NO-BREAK SPACE}", " ").strip() for t in root.iter()]
        assert shown(label) in texts


@pytest.mark.parametrize("name", ["svg", "png", "pdf", "dot", "SVG"])
def test_save_takes_the_format_from_the_name(name, tmp_path):
    magic = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}
    path = viz.op_graph(Value(1.0) + 2).save(tmp_path / f"graph.{name}")
    assert path.read_bytes().startswith(magic[name.lower()])
    assert os.listdir(tmp_path) == [f"graph.{name}"]


def test_a_png_is_on_white(tmp_path):
    path = viz.op_graph(Value(1.0) + 2).save(tmp_path / "graph.png")
    corner = pyplot.imread(path)[0, 0]
    assert (corner == 1.0).all()


def test_a_page_holds_the_picture_and_asks_for_nothing(tmp_path):
    figure = viz.gradient_diagram(article_step(), language="zh")
    text = figure.save(tmp_path / "step.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in text
    assert figure.svg() in text
    assert not re.search(r"(?:src|href)=|@import|url\(", text.replace(figure.svg(), ""))


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.html.bak"])
def test_another_format_is_an_error_and_no_file(name, tmp_path):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.html, \.dot"):
        viz.op_graph(Value(1.0)).save(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_failing_engine_leaves_the_old_file(tmp_path, monkeypatch):
    figure = viz.op_graph(Value(1.0) + 2)
    path = figure.save(tmp_path / "graph.svg")
    before = path.read_bytes()
    monkeypatch.setenv("MICROGRAD_DOT", sys.executable)
    with pytest.raises(LayoutError):
        figure.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["graph.svg"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder") as raised:
        viz.op_graph(Value(1.0)).save(tmp_path / "none" / "graph.svg")
    assert raised.value.filename == str(tmp_path / "none")


def test_a_notebook_shows_the_picture():
    bundle = viz.op_graph(Value(1.0) + 2)._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from peers import Case
import viz
step = Case(4, sizes=[2, 3, 1], samples=2).step()
for view in (viz.op_graph, viz.gradient_diagram, viz.layer_graph):
    print(view(step).svg())
from micrograd import Value
v = Value(2.0)
print(viz.draw_dot(v * v + v).pipe("svg", encoding="utf-8"))
"""


def test_two_runs_give_the_same_bytes():
    program = PROGRAM.format(tests=os.path.dirname(__file__))
    with contextlib.redirect_stdout(io.StringIO()) as here:
        exec(program, {})
    there = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert len(there) > 10_000
    assert here.getvalue() == there


def test_the_operation_graph_has_every_value_and_gradient():
    step = Case(11, sizes=[2, 3, 2], samples=1).step()
    picture = Picture(viz.op_graph(step))
    assert len(step.tape.nodes) <= MOST_NODES
    for i, node in enumerate(step.tape.nodes):
        assert picture.numbers(f"a_n{i}-0-fwd") == pytest.approx([node.value], abs=5.1e-5)
        assert picture.numbers(f"a_n{i}-1-bwd") == pytest.approx([node.gradient], abs=5.1e-5)
        for j in node.inputs:
            assert f"e-n{j}-n{i}" in picture.groups


def test_the_operation_graph_names_and_clusters_by_neuron():
    texts = Picture(viz.op_graph(article_step())).all_text()
    for name in ("W1[0]", "b1[1]", "z0", "h1", "W2[0] × h0", "out − y", "L", "= (out − y)²",
                 "hidden neuron h0", "hidden neuron h1", "output neuron out"):  # fmt: skip
        assert name in [t.strip() for t in texts]


def test_local_derivatives_on_the_wires():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    product = a * b
    product.backward()
    picture = Picture(viz.op_graph(product, local=True))
    assert picture.texts("e-n0-n2") == ["-3.0000"]
    assert picture.texts("e-n1-n2") == ["2.0000"]


def test_an_unreached_gradient_is_a_dash_and_zero_is_zero():
    a, b = Value(2.0, label="a"), Value(0.0, label="b")
    product = a * b
    assert Picture(viz.op_graph(product)).texts("a_n0-1-bwd") == ["–"]
    product.backward()
    assert Picture(viz.op_graph(product)).texts("a_n0-1-bwd") == ["0.0000"]


def test_nan_is_nan():
    texts = Picture(viz.op_graph(Value(-1.0).log())).texts("a_n1-0-fwd")
    assert texts == ["nan"]


def test_the_graph_of_other_things_is_refused():
    with pytest.raises(ArgumentTypeError, match="op_graph draws a Value or a Step, got float"):
        viz.op_graph(2.0)


def test_karpathys_modules_draw():
    random.seed(3)
    model = nn.MLP(2, [2, 1])
    loss = lambda output, y: (output - y) ** 2  # noqa: E731
    sgd = optim.SGD(model.parameters(), lr=0.1)
    step = record_step(model, loss, sgd, [1.0, 2.0], 3.0)
    texts = Picture(viz.op_graph(step)).all_text()
    assert "layers[0].neurons[1]" in [t.strip() for t in texts]


def test_trace_is_karpathys():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    d = c + a
    nodes, edges = viz.trace(d)
    assert nodes == {a, b, c, d}
    assert edges == {(a, c), (b, c), (c, d), (a, d)}


def test_draw_dot_is_karpathys(tmp_path):
    a = Value(2.0, label="a")
    dot = viz.draw_dot(a * a, format="png", rankdir="TB")
    assert "rankdir=TB" in dot.source
    path = dot.render(str(tmp_path / "gout"))
    assert path == str(tmp_path / "gout.png")
    assert sorted(os.listdir(tmp_path)) == ["gout", "gout.png"]
    assert dot._repr_mimebundle_()["image/svg+xml"].startswith("<svg")
    with pytest.raises(ValueError, match="rankdir"):
        viz.draw_dot(a, rankdir="XX")


@pytest.mark.parametrize("view", [viz.op_graph, viz.gradient_diagram, viz.layer_graph])
def test_chinese_pictures(view):
    texts = "".join(Picture(view(article_step(), language="zh")).all_text())
    assert "学习率" in texts
    with pytest.raises(MicrogradError, match="language must be one of en, zh"):
        view(article_step(), language="xx")


def test_a_graph_is_saved_as_its_name_ends(tmp_path):
    a = Value(2.0, label="a")
    graph = viz.draw_dot(a * a)
    begins = {"x.svg": b"<svg", "x.PNG": b"\x89PNG", "x.gv": b"digraph", "x.dot": b"digraph"}
    for name, first in begins.items():
        assert graph.save(tmp_path / name) == str(tmp_path / name)
        assert first in (tmp_path / name).read_bytes()[:400]
    assert viz.draw_dot(a).render("y", directory=tmp_path).endswith("y.svg")
    assert (tmp_path / "y").read_text().startswith("digraph")
