"""The operation graph: names of the user's own, neurons in order, large graphs folded."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from peers import Case
from pictures import SVG, Picture

import viz
from micrograd import Value, nn, optim, record_step
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tape.tape import take
from viz.operations.folding import MOST_SHOWN, Block, exits_of, fold, users_of
from viz.operations.grouping import places
from viz.operations.ordering import by_index

LARGEST = 6000  # pixels


def karpathy(sizes, samples):
    """The loss of his MLP, as in his lecture."""
    random.seed(1)
    model = nn.MLP(3, sizes)
    xs = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(samples)]
    loss = sum((model(x) - y) ** 2 for x, y in zip(xs, [1.0, -1.0] * samples, strict=False))
    loss.backward()
    return loss, model


def loop(turns):
    v = Value(1.0)
    for _ in range(turns):
        v = v * 1.5 + 0.5
    return v


def tangle(n):
    random.seed(2)
    made = [Value(random.random()) for _ in range(20)]
    for _ in range(n):
        a, b = random.sample(made[-40:], 2)
        made.append(random.choice([lambda a, b: a * b, lambda a, b: (a + b).tanh()])(a, b))
    return sum(made[-10:])


def recurrent(steps):
    """A model whose one cell is used again and again."""
    cell = nn.Neuron(2)
    h = Value(0.0)
    for k in range(steps):
        h = cell([h, 0.1 * k])
    return h, cell


def texts(figure):
    return [t.strip() for t in Picture(figure).all_text()]


def size(figure):
    return [
        float(x) for x in re.search(r'width="([\d.]+)" height="([\d.]+)"', figure.svg()).groups()
    ]


# ---- names ---------------------------------------------------------------------------------------


def test_values_are_called_as_in_the_callers_variables():
    w, xs = Value(2.0), [Value(3.0), Value(4.0)]
    state = {"b": [Value(1.0)]}
    out = w * xs[1] + state["b"][0]
    shown = texts(viz.op_graph(out))
    for name in ("w", "xs[1]", "state['b'][0]", "w × xs[1]", "out"):
        assert name in shown, shown
    assert "xs[0]" not in shown


def test_parameters_are_called_by_their_path():
    random.seed(1)
    model = nn.MLP(2, [2, 1])
    out = model([1.0, 2.0])
    shown = texts(viz.op_graph(out))
    assert "layers[0].neurons[1].w[0]" in shown
    assert "layers[1].neurons[0].b" in shown
    assert not any(re.fullmatch(r"-?0\.\d+", name) for name in titles(viz.op_graph(out)))


def titles(figure):
    """The first text of every card."""
    picture = Picture(figure)
    return [picture.texts(key)[0].strip() for key in picture.groups if re.fullmatch(r"n\d+", key)]


def test_a_label_comes_before_a_variable():
    w = Value(2.0, label="weight")
    assert "weight" in texts(viz.op_graph(w * 2))


def test_names_can_be_given_or_left_out():
    w = Value(2.0)
    model = {"inner": [w]}
    assert "θ['inner'][0]" in texts(viz.op_graph(w * 3, names={"θ": model}))
    assert "w" not in texts(viz.op_graph(w * 3, names=None))
    with pytest.raises(ArgumentValueError, match='names must be "auto", None or a dict, got'):
        viz.op_graph(w * 3, names="all")
    with pytest.raises(ArgumentTypeError, match="a dict of variables, got list"):
        viz.op_graph(w * 3, names=[w])


# ---- order ---------------------------------------------------------------------------------------


def tops(figure):
    """The upper end of every cluster and card, by title."""
    found = {}
    for group in Picture(figure).root.iter(f"{SVG}g"):
        if group.get("class") in ("cluster", "node"):
            shape = next(group.iter(f"{SVG}path"), None)
            points = [] if shape is None else re.findall(r",(-?[\d.]+)", shape.get("d"))
            pieces = (part.strip() for text in group.iter(f"{SVG}text") for part in text.itertext())
            text = next(filter(None, pieces), "")
            if points:
                found.setdefault(text, min(map(float, points)))
    return found


def in_order(found, pattern):
    names = by_index([name for name in found if re.fullmatch(pattern, name)])
    assert len(names) > 1
    assert sorted(names, key=found.get) == names, {name: found[name] for name in names}


def test_neurons_and_inputs_stand_in_the_order_of_their_indices():
    step = Case(1, sizes=[3, 5, 5, 3, 1], samples=1).step()
    found = tops(viz.op_graph(step, most=1000))
    for layer in ("1", "2", "3"):
        in_order(found, rf"hidden neuron h{layer}\[\d\]")
    in_order(found, r"x\[\d\]")


def test_folded_neurons_stand_in_the_order_of_their_indices():
    step = Case(1, sizes=[3, 5, 5, 3, 1], samples=1).step()
    figure = viz.op_graph(step)
    for layer in ("1", "2", "3"):
        in_order(tops(figure), rf"layer{layer}\[\d\]")
    assert max(size(figure)) < 2500
    loss, model = karpathy([12, 12, 1], 3)
    in_order(tops(viz.op_graph(loss)), r"layers\[0\]\.neurons\[\d+\]")
    assert model is not None


# ---- folding -------------------------------------------------------------------------------------


def named(value, **variables):
    tape, position = take(value)
    paths = {}
    for name, thing in variables.items():
        from micrograd.tape.paths import paths_of

        known = {id(v): i for v, i in position.items()}
        paths |= {known[k]: p.removeprefix(f"{name}.") for k, p in paths_of(thing, name).items()
                  if k in known}  # fmt: skip
    return tape, places(tape, paths)


def graphs():
    loss, model = karpathy([4, 4, 1], 4)
    yield named(loss, model=model)
    loss, model = karpathy([16, 16, 1], 10)
    yield named(loss, model=model)
    yield named(loss)
    yield named(loop(500))
    yield named(tangle(800))
    out, cell = recurrent(100)
    yield named(out, cell=cell)
    step = Case(5, sizes=[3, 4, 1], samples=30).step()
    yield step.tape, places(step.tape, {})


@pytest.mark.some(3)
@pytest.mark.parametrize("k", range(7))
def test_every_node_is_in_one_block_and_blocks_make_no_cycle(k):
    tape, located = list(graphs())[k]
    blocks = fold(tape, located)
    assert len(blocks) <= 2 * MOST_SHOWN
    assert len(blocks) < len(tape.nodes)
    assert Counter(i for block in blocks for i in block.nodes) == Counter(range(len(tape.nodes)))
    users = users_of(tape, blocks)
    left = set(range(len(blocks)))
    while left:
        last = {k for k in left if not users[k].keys() & left}
        assert last, "a cycle"
        left -= last
    for block in blocks:
        assert sum(bool(tape.nodes[i].inputs) for i in block.nodes) % block.times == 0


def operations_said(figure):
    """The sum of what the cards say that they stand for."""
    total = 0
    for text in Picture(figure).all_text():
        found = re.search(r"([\d,]+) scalar operations?(?: × ([\d,]+))?$", text)
        if found:
            counts = [int(n.replace(",", "")) for n in found.groups() if n]
            total += counts[0] * (counts[1] if len(counts) > 1 else 1)
    singles = [key for key in Picture(figure).groups if re.fullmatch(r"n\d+", key)]
    return total, len(singles)


@pytest.mark.some(2)
@pytest.mark.parametrize("make", [
    lambda: karpathy([16, 16, 1], 20), lambda: (loop(2000), None), lambda: (tangle(1500), None),
    lambda: recurrent(200),
])  # fmt: skip
def test_nothing_vanishes_without_being_said(make):
    value, model = make()
    tape, _ = take(value)
    figure = viz.op_graph(value, names={"model": model})
    said, singles = operations_said(figure)
    n = sum(bool(node.inputs) for node in tape.nodes)
    assert said <= n <= said + singles
    assert f"{n:,} scalar operations on" in figure.title
    assert max(size(figure)) < LARGEST


def test_karpathys_recorded_step_is_small():
    random.seed(1)
    model = nn.MLP(3, [16, 16, 1])
    sgd = optim.SGD(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), sgd, [[0.1, 0.2, 0.3]] * 4, [1.0] * 4)
    figure = viz.op_graph(step)
    shown = texts(figure)
    assert "layers[0].neurons" in shown
    assert max(size(figure)) < 2000


def test_a_loop_is_one_card_with_a_count_and_its_last_turn():
    shown = texts(viz.op_graph(loop(800)))
    assert any("× 799" in text for text in shown)
    assert "1.5000" in shown


def test_a_step_folds_into_units_of_all_samples():
    step = Case(5, sizes=[3, 4, 1], samples=30).step()
    shown = texts(viz.op_graph(step))
    assert "layer1[3]" in shown
    assert "6 scalar operations × 30" in shown


@pytest.mark.parametrize("sizes", [[3, 5, 5, 3, 1], [20, 20, 1]])
def test_a_folded_graph_is_a_view_of_its_own(sizes):
    step = Case(5, sizes=sizes, samples=1).step()
    source = viz.op_graph(step).source
    assert source.startswith("digraph op_graph")
    assert source not in (viz.layer_graph(step).source, viz.gradient_diagram(step).source)


def test_exits_are_what_others_use():
    a = Value(2.0)
    tape, _ = take((a * a).tanh() + a)
    blocks = [Block((0,)), Block((1, 2)), Block((3,))]
    assert exits_of(tape, blocks) == {0, 2, 3}


def test_the_loss_is_not_part_of_the_last_neuron():
    loss, model = karpathy([2, 1], 1)
    _, located = named(loss, model=model)
    assert located[-1] == ()
    assert "layers[1].neurons[0]" in {place[-1] for place in located if place}


def test_labels_with_backslashes():
    """Graphviz counts the bytes of such a text wrongly, and ends within a character."""
    a, b = Value(2.0, label="\U0007005dﴚ\x0e\x1a\ud800"), Value(3.0, label="\\\\n")
    figure = viz.op_graph((a * b + a).tanh())
    assert r"\\n" in "".join(texts(figure))
    figure.svg().encode("utf-8")
