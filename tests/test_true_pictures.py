"""Every number and every equation in pictures of random models, recomputed from their text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest
from equation_checker import Checker, check
from hypothesis import HealthCheck, Phase, given, seed, settings
from random_models import KINDS, Case, cases
from tape_checker import check_numbers, check_tape, constants

import viz
from micrograd import MicrogradError, nn, optim, record_step

EACH = 8  # models of a kind, about a hundred in all
REFUSED = 0.05  # of the pictures; a view refuses by naming one that draws it
VIEWS = ("gradient_diagram", "layer_graph", "op_graph")
PARTS = 8  # of the models, a test each: one of them in every run, all with the mark `long`
SOME = [pytest.param(p, marks=[pytest.mark.long] * (p > 0)) for p in range(PARTS)]


def models(kind: str) -> list[Case]:
    """The same random models of a kind each time."""
    drawn: list[Case] = []

    @seed(sorted(KINDS).index(kind))
    @settings(
        max_examples=EACH,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(cases(kind))
    def draw(case: Case) -> None:
        drawn.append(case)

    draw()
    return drawn


@cache
def drawn() -> list[Case]:
    return [case for kind in sorted(KINDS) for case in models(kind)]


@cache
def recorded(part: int) -> list[tuple[Case, object]]:
    """Of each kind as many: the last step of each model."""
    return [(case, case.record()[-1]) for case in drawn()[part::PARTS]]


def test_the_models_are_as_many_as_they_should_be():
    assert len(drawn()) >= 100
    assert {case.samples for case in drawn()} == {1, 2, 3, 4}
    assert {case.steps for case in drawn()} == {1, 2, 3}
    assert len({case.optimizer for case in drawn()}) >= 8
    assert len({case.loss for case in drawn()}) == 8
    assert len({case.digits for case in drawn()}) >= 4
    assert EACH % PARTS == 0


@pytest.mark.parametrize("part", SOME)
def test_the_recordings_are_what_torch_computes(part):
    found = [f"{case}\n  {f}" for case, step in recorded(part) for f in check_tape(step.tape)]
    assert not found, "\n".join(found[:10])


@pytest.mark.parametrize("part", SOME)
@pytest.mark.parametrize("view", VIEWS)
def test_every_line_of_every_picture_holds(view, part):
    draw, own = getattr(viz, view), recorded(part)
    found, refused, counts = [], [], Counter()
    for case, step in own:
        try:
            svg = draw(step, digits=case.digits).svg()
        except MicrogradError as error:
            refused.append(f"{case}\n  {error}")
            continue
        checker = Checker(svg, constants(step))
        counts += checker.counts
        found += [f"{case}\n  {f}" for f in checker.findings]
        found += [f"{case}\n  {f}" for f in check_numbers(svg, step.tape, step)]
    assert all(re.search(r"(op|layer)_graph|gradient_diagram", text) for text in refused), refused
    assert not found, f"{len(found)} lines, {dict(counts)}\n" + "\n".join(found[:20])
    told = f"{len(refused)} refused\n" + "\n".join(refused[:10])
    assert len(refused) <= REFUSED * len(own), told
    assert counts["symbolic"] > len(own)


# ---- the checker itself --------------------------------------------------------------------------


def sample(*rows: str, heading: str = "h", edge: bool = True) -> str:
    """A picture of two cards; a row is text :: bold number, or text alone."""
    lines = []
    for i, row in enumerate(rows):
        text, _, number = row.partition(" :: ")
        size = 11 if text.startswith("=") else 13
        lines.append(f'<text x="0" y="{20 * i + 40}" font-size="{size}">{text}</text>')
        if number:
            bold = f'<text x="90" y="{20 * i + 39.4}" font-size="13" font-weight="bold">'
            lines.append(f"{bold}{number}</text>")
    return f"""<svg xmlns="http://www.w3.org/2000/svg"><g class="graph">
    <g id="x" class="node"><text x="0" y="0" font-weight="bold">x</text>
      <g id="a_x-fwd"><text x="0" y="20">x</text>
      <text x="9" y="20" font-weight="bold">2.0000</text></g></g>
    <g id="h" class="node"><text x="0" y="0" font-weight="bold">{heading}</text>
      <g id="a_h-fwd">{"".join(lines)}</g></g>
    {'<g id="e-x-h" class="edge"><title>x to h</title></g>' if edge else ""}
    </g></svg>"""


TRUE = ("w :: 0.5000", "b :: -1.2346", "z = w × x + b :: -0.2346", "= 0.5 × 2 + (-1.2346)")


def kinds(svg: str) -> set[str]:
    return {finding.kind for finding in check(svg)}


def test_a_true_picture_has_no_findings():
    assert check(sample(*TRUE)) == []
    assert (
        check(sample("s :: 3.0000", "r = √(s) + s² − |s| / 2 :: 9.2321", "= √(3) + 3² − |3| / 2"))
        == []
    )


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ((*TRUE[:3], "= 0.5 × 2 + (-1.2345)"), "off"),
        ((*TRUE[:3], "= 0.5 × 2"), "off"),
        ((*TRUE[:3], "= 0.5 × 2 + (-1.2346) + "), "empty operand"),
        ((*TRUE[:3], "= 0.5 ×  + (-1.2346)"), "empty operand"),
        ((*TRUE[:2], "z = w·· + b :: -0.2346", TRUE[3]), "empty operand"),
        ((*TRUE[:3], "= 0.5 two 2"), "unparsed"),
        ((*TRUE[:3], "= 2.0 × 0.5 + (-1.2346)"), "operand"),
        ((*TRUE[:2], "z = v × x + b :: -0.2346", TRUE[3]), "unknown name"),
        ((*TRUE[:2], "z = w × x :: -0.2346"), "wrong"),
        (("w :: 0.3333", "z = w × x :: 0.6667"), "rounded"),
    ],
)
def test_a_deliberate_error_is_found(rows, kind):
    assert kind in kinds(sample(*rows))


def test_what_does_not_hang_together_is_found():
    assert kinds(sample(*TRUE, edge=False)) == {"disconnected"}


@pytest.fixture(scope="module")
def article() -> str:
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    model.load_state_dict(
        {"0.weight": [[0.4967], [-0.138]], "0.bias": [0.6477, 1.523],
         "2.weight": [[-0.2341, 0.7]], "2.bias": [1.5792]}
    )  # fmt: skip
    adam = optim.Adam(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), adam, [[2.0], [1.0]], [[4.0], [1.0]])
    return viz.gradient_diagram(step).svg()


def changed_digits(svg: str) -> Iterator[str]:
    """The picture with another last digit in the bold result of one of its equations."""
    root = ElementTree.fromstring(svg)
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    for result, below in pairwise(texts):
        if (
            re.fullmatch(r"-?\d+\.\d{4}", result.text or "")
            and result.get("font-weight") == "bold"
            and "".join(below.itertext()).startswith("= ")
        ):
            before = result.text
            result.text = before[:-1] + str((int(before[-1]) + 5) % 10)
            yield ElementTree.tostring(root, encoding="unicode")
            result.text = before


def test_every_changed_digit_of_a_picture_is_found(article):
    before = len(check(article))
    changed = list(changed_digits(article))
    assert len(changed) >= 12
    assert all(len(check(svg)) > before for svg in changed)
