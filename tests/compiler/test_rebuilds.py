"""What a function does not read costs nothing when it changes; what it reads is named."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import micrograd
from micrograd import Value, optim
from micrograd.errors import CompileWarning

W = Value(0.7)
STATE: dict[str, Any] = {}
ITEMS: list[Any] = []


@pytest.fixture(autouse=True)
def _start() -> None:
    W.data = 0.7
    STATE.clear()
    STATE.update(b=0.5, history=[], step=0, mode="a", inner={"rate": 0.1, "seen": []})
    ITEMS[:] = [0.5, [], 0]


def of_entry(x):
    return (W * x - STATE["b"]) ** 2


def of_inner(x):
    return (W * x - STATE["inner"]["rate"]) ** 2


def asking(x):
    known = 2.0 if "mode" in STATE else 3.0
    return (W * x - STATE.get("other", 1.0)) ** 2 * known


def of_item(x):
    return (W * x - ITEMS[0]) ** 2


def setting(x):
    STATE["out"] = W * x
    return (STATE["out"] - STATE["b"]) ** 2


class Trainer:
    def __init__(self) -> None:
        self.state = {"b": 0.5, "history": []}

    def loss(self, x):
        return (W * x - self.state["b"]) ** 2


def default(x, state=STATE):
    return (W * x - state["b"]) ** 2


def in_a_comprehension(x):
    return sum([(W * x - STATE["b"]) ** 2 for _ in range(3)])


def grown(k: int) -> None:
    STATE["history"].append(k)
    STATE["inner"]["seen"].append(k)
    STATE["step"] += 1
    STATE[f"new {k}"] = k
    STATE["text"] = str(k)
    ITEMS[1].append(k)
    ITEMS[2] += 1
    ITEMS.append(k)


def programs_made(f: Callable[..., Any], change: Callable[[int], None], calls: int = 12) -> int:
    """How many programs so many calls made, each compared with the function itself."""
    compiled = micrograd.compile(f, parameters=[W])
    made = 0
    traced: set[int] = set()
    keep = []
    for k in range(calls):
        assert compiled(1.5) == pytest.approx(f(1.5).data, rel=1e-12)
        now = compiled.ran().traced
        if id(now) not in traced:
            traced.add(id(now))
            keep.append(now)
            made += 1
        change(k)
    return made


@pytest.mark.parametrize(
    "f",
    [of_entry, of_inner, asking, of_item, setting, default, in_a_comprehension],
    ids=lambda f: f.__name__,
)
def test_entries_that_are_not_read_cost_nothing(f: Any) -> None:
    assert programs_made(f, grown) == 1


def test_nor_do_those_of_an_attribute() -> None:
    trainer = Trainer()
    assert programs_made(trainer.loss, lambda k: trainer.state["history"].append(k)) == 1


def changed(place: Any, key: Any, new: Callable[[Any], Any]) -> Callable[[int], None]:
    def change(k: int) -> None:
        if k % 3 == 2:
            place()[key] = new(place()[key] if key in place() or key == 0 else None)

    return change


@pytest.mark.parametrize(
    ("f", "change"),
    [
        (of_entry, changed(lambda: STATE, "b", lambda b: b + 1)),
        (of_entry, changed(lambda: STATE, "b", lambda b: int(b) + 1)),
        (of_inner, changed(lambda: STATE["inner"], "rate", lambda r: r * 2)),
        (of_inner, changed(lambda: STATE, "inner", lambda d: {"rate": d["rate"] + 1})),
        (asking, changed(lambda: STATE, "other", lambda x: (x or 0.0) + 2)),
        (asking, lambda k: STATE.pop("mode", None) if k == 2 else None),
        (of_item, changed(lambda: ITEMS, 0, lambda x: x + 1)),
        (of_item, lambda k: ITEMS.insert(0, 0.25 * k)),
        (default, changed(lambda: STATE, "b", lambda b: b + 1)),
        (in_a_comprehension, changed(lambda: STATE, "b", lambda b: b * 3)),
    ],
)
def test_entries_that_are_read_are_never_stale(f: Any, change: Any) -> None:
    programs_made(f, change)


def by_a_loop(x):
    return sum((W * x - v) ** 2 for v in STATE.values() if isinstance(v, float))


def by_len(x):
    return (W * x - len(STATE)) ** 2


def by_a_key(x):
    key = "".join(["n", "ew"])
    return (W * x - STATE.get(key + " 3", 0.0)) ** 2


def by_another_name(x):
    state = STATE
    return (W * x - state.get("new 4", 0.0)) ** 2


def by_a_function(x):
    def inner(state):
        return state["history"]

    return (W * x - len(inner(STATE))) ** 2


def by_a_star(x):
    def inner(**entries):
        return entries["step"]

    return (W * x - inner(**STATE)) ** 2


def from_the_end(x):
    return (W * x - ITEMS[-1]) ** 2


def by_globals(x):
    return (W * x - globals()["STATE"]["step"]) ** 2 + STATE["b"]


@pytest.mark.parametrize(
    "f",
    [by_a_loop, by_len, by_a_key, by_another_name, by_a_function, by_a_star, from_the_end,
     by_globals],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_what_may_be_read_otherwise_is_never_stale(f: Any) -> None:
    programs_made(f, grown)


def test_a_function_that_is_compiled_again_and_again_says_what_changes() -> None:
    f = micrograd.compile(by_a_function, optimizer=optim.SGD([W], lr=0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(8):
            f.step(1.5)
            STATE["history"].append(k)
    with pytest.warns(CompileWarning, match=r"again 8 times.*STATE\['history'\]") as caught:
        f.step(1.5)
    assert caught[0].filename == __file__
    assert "Pass it as an argument" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(3):  # once is enough
            STATE["history"].append(k)
            f.step(1.5)


def test_a_number_that_decides_is_named_too() -> None:
    class Model:
        power = 2

        def loss(self, x):
            return (W * x) ** self.power

    model = Model()
    f = micrograd.compile(model.loss)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(12):
            model.power = k
            f(1.5)
    assert len(caught) == 1
    assert "self.power" in str(caught[0].message)


def test_many_shapes_in_a_row_are_named() -> None:
    f = micrograd.compile(lambda xs: sum(W * x for x in xs))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(1, 30):
            f([1.0] * n)
    assert len(caught) == 1
    assert re.search(r"argument 0 is list \(\d+,\), then list \(\d+,\)", str(caught[0].message))


def test_a_few_changes_now_and_then_are_nobodys_concern() -> None:
    f = micrograd.compile(by_len)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(60):
            f(1.5)
            if k % 5 == 0:
                STATE[f"new {k}"] = k


def told(f: Callable[[Any], Any], given: Callable[[int], Any], calls: int = 60) -> str:
    """What a function warns of that is called with these arguments, one after the other."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CompileWarning)
        for k in range(calls):
            f(given(k))
            if caught:
                break
    assert len(caught) == 1
    return str(caught[0].message)


def test_flags_that_make_the_programs_are_named_not_what_changes_now_and_then() -> None:
    draw = random.Random(1)

    def loss(batch):
        return sum(
            (W * x - (0.0 if done else STATE["inner"]["rate"] * x)) ** 2 for x, done in batch
        )

    def given(k: int) -> list[Any]:
        if k % 6 == 0:
            STATE["inner"] = {"rate": k}
        return [(1.0 + k, draw.random() < 0.2) for _ in range(6)]

    text = told(micrograd.compile(loss), given, 120)
    assert re.search(r"argument 0 holds (True|False) in a place, then (True|False)", text), text


def test_decisions_that_make_the_programs_are_named_where_shapes_are_few() -> None:
    draw = random.Random(2)

    def loss(ids):
        total = W * 0.0
        for n in ids:
            for j in range(n):
                total = total + W * j
        return total

    f = micrograd.compile(loss)
    text = told(f, lambda k: [draw.randrange(4) for _ in range(3 + k % 3)])
    assert "24 ways that its decisions went" in text
    assert "for j in range(n)" in text
    assert "'Branches'" in text


@pytest.mark.parametrize("change", ["defaults", "named defaults", "an entry of them", "code"])
def test_what_is_put_into_a_function_is_seen_at_the_next_call(change: str, backend: str) -> None:
    w = Value(0.5)

    def helper(x: float, above: float = 1.0, *, times: float = 2.0) -> Value:
        return w * x * times if x > above else w * above

    def other(x: float, above: float = 1.0, *, times: float = 2.0) -> Value:
        return w * x * 7.0 + above + times

    def loss(x: float) -> Value:
        return helper(x) * 1.0

    f = micrograd.compile(loss, backend=backend)
    for x in (1.5, 0.5, 2.0):
        assert f(x) == pytest.approx(loss(x).data)
    if change == "defaults":
        helper.__defaults__ = (0.25,)
    elif change == "named defaults":
        helper.__kwdefaults__ = {"times": 3.0}
    elif change == "an entry of them":
        helper.__kwdefaults__["times"] = 3.0
    else:
        helper.__code__ = other.__code__
    for x in (0.5, 1.5, 0.1):
        assert f(x) == pytest.approx(loss(x).data)
