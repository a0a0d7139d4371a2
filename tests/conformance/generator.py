"""Random programs as plain data: what all implementations must agree on.

A program has leaves (what derivatives are taken by), run-time numbers, a run-time integer, and
steps, each of which makes one more slot; the last one is the output. There are operations of every
row, sums and dot products, loops that carry a number, choices by the integer, branches, and slopes:
derivatives that are part of the program, so that its gradient is of second order.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd import Value, grad
from micrograd.core.walk import topological_order
from micrograd.functions import apply
from micrograd.ops import FLOATS, OPS

TAME = 50.0  # no value on the way is larger, and no local derivative than its square
EDGES = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e-8, -1e-8, 20.0, -20.0, 1e-300)
WILD = (math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324, 710.0, -746.0)


@dataclass(frozen=True)
class Step:
    """What makes a slot: a row of the op table, or one of the kinds below."""

    kind: str  # a row, "sum", "dot", "loop", "choose", "branch" or "slope"
    inputs: tuple[int, ...]
    static: tuple[float, ...] = ()
    body: tuple[str, ...] = ()  # of a loop: rows of two inputs, the carried one and another
    times: int = 0


@dataclass(frozen=True)
class Program:
    """Numbers to start from, and steps."""

    leaves: tuple[float, ...]
    numbers: tuple[float, ...]
    integer: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        first = len(self.leaves)
        lines = [f"x{i} = Value({x!r})" for i, x in enumerate(self.leaves)]
        lines += [f"x{first + i} = {x!r}" for i, x in enumerate(self.numbers)]
        lines.append(f"k = {self.integer}")
        for i, s in enumerate(self.steps, first + len(self.numbers)):
            names = [f"x{j}" for j in s.inputs] + [repr(k) for k in s.static]
            if s.body:
                names.append(f"body={s.body}, times={s.times}")
            lines.append(f"x{i} = {s.kind}({', '.join(names)})")
        return "\n".join(lines)


@dataclass(frozen=True)
class Kind:
    """A kind of number: how rows are applied to it, and how a derivative is taken."""

    apply: Callable[..., Any]
    slope: Callable[[Any, Any], Any]  # of a number by another, to be differentiated again


VALUES = Kind(apply, lambda y, x: grad(y, [x], create_graph=True)[0])


def run(program: Program, leaves: Sequence[Any], numbers: Sequence[Any], k: Any, kind: Kind) -> Any:
    """The output, for any kind of number."""
    slots = [*leaves, *numbers]
    for step in program.steps:
        slots.append(made(step, slots, k, kind, len(leaves)))
    return slots[-1]


def made(step: Step, slots: Sequence[Any], k: Any, kind: Kind, leaves: int) -> Any:
    """The result of a step."""
    inputs = [slots[i] for i in step.inputs]
    match step.kind:
        case "sum":
            total = inputs[0]
            for x in inputs[1:]:
                total = kind.apply("add", total, x)
            return total
        case "dot":
            half = len(inputs) // 2
            pairs = zip(inputs[:half], inputs[half:], strict=True)
            products = [kind.apply("mul", a, b) for a, b in pairs]
            total = products[0]
            for x in products[1:]:
                total = kind.apply("add", total, x)
            return total
        case "loop":
            carried, others = inputs[0], inputs[1:]
            for turn in range(step.times):
                for row, other in zip(step.body, others, strict=True):
                    single = OPS[row].arity == 1
                    args = (kind.apply("add", carried, other),) if single else (carried, other)
                    carried = kind.apply(row, *args)
                carried = kind.apply("tanh", carried) if turn % 2 else carried
            return carried
        case "choose":
            return inputs[k]
        case "branch":
            a, b, x, y = inputs
            return kind.apply("select", kind.apply("less", a, b), x, y)
        case "slope":
            return kind.slope(inputs[0], slots[step.inputs[1] % leaves])
    return kind.apply(step.kind, *inputs, *step.static)


# ---- drawing programs ----------------------------------------------------------------------------

LOOPED = ("mul", "add", "sub", "maximum", "minimum", "sin", "sigmoid", "softplus")


def drawn(seed: int, wild: bool = False) -> Program:
    """The program of a seed; a wild one may have infinities and nans on the way."""
    rng = random.Random(seed)
    pool = EDGES + WILD if wild else EDGES
    number = lambda: rng.choice(pool) if rng.random() < 0.25 else round(rng.uniform(-3, 3), 3)  # noqa: E731
    leaves = tuple(number() for _ in range(rng.randint(1, 5)))
    numbers = tuple(number() for _ in range(rng.randint(1, 4)))
    k = rng.randrange(len(leaves))
    values = [Value(x) for x in leaves]
    slots: list[Any] = [*values, *map(Value, numbers)]
    steps: list[Step] = []
    known = {id(v) for v in slots}

    def add(step: Step) -> None:
        new = made(step, slots, k, VALUES, len(leaves))
        nodes = [v for v in topological_order(new) if id(v) not in known]
        if wild or all(map(is_tame, nodes)):
            kept.extend(nodes)
            known.update(id(v) for v in nodes)
            slots.append(new)
            steps.append(step)

    kept: list[Value] = []  # so that no id is given twice
    for _ in range(rng.randint(3, 24)):
        add(_drawn_step(rng, len(slots), len(leaves), bool(steps)))
    while not steps:
        add(Step("add", (0, rng.randrange(len(slots)))))
    used = {i for step in steps for i in step.inputs}
    rest = [i for i in range(len(leaves), len(slots)) if i not in used]
    if len(rest) > 1:
        add(Step("sum", tuple(rest)))
    return Program(leaves, numbers, k, tuple(steps))


def _drawn_step(rng: random.Random, count: int, leaves: int, later: bool) -> Step:
    recent = lambda: max(rng.randrange(count), rng.randrange(count))  # noqa: E731
    some = lambda n: tuple(recent() for _ in range(n))  # noqa: E731
    match rng.randrange(16):
        case 0:
            return Step("sum", some(rng.randint(2, 6)))
        case 1:
            return Step("dot", some(2 * rng.randint(1, 4)))
        case 2:
            body = tuple(rng.choice(LOOPED) for _ in range(rng.randint(1, 3)))
            return Step("loop", some(1 + len(body)), (), body, rng.randint(1, 5))
        case 3:
            return Step("choose", tuple(range(leaves)))
        case 4:
            return Step("branch", some(4))
        case 5 if later:
            return Step("slope", (recent(), rng.randrange(leaves)))
    row = OPS[rng.choice(list(OPS))]
    static = (rng.choice(row.static_samples),) if row.has_static else ()
    return Step(row.name, some(row.arity), static)


def is_tame(v: Value) -> bool:
    """Whether a node and its local derivatives are finite and not large."""
    return abs(v.data) <= TAME and all(abs(d) <= TAME**2 for d in local(v))


def local(v: Value) -> tuple[float, ...]:
    """The derivatives of a node by its inputs."""
    if v._row is None:
        return ()
    static = () if v._static is None else (v._static,)
    shares: tuple[float, ...] = v._row.vjp(
        FLOATS, 1.0, v.data, *[x.data for x in v._inputs], *static
    )
    return shares


# ---- how far correct computations may be apart ---------------------------------------------------


def error_scale(root: Value) -> float:
    """The sum over all nodes of |value| times what an error in it does to the root's value.

    An implementation that errs by e units in each operation errs by no more than e of this, and
    what is of higher order.
    """
    reach = {id(root): 1.0}
    total = 0.0
    for v in reversed(topological_order(root)):
        weight = reach.get(id(v), 0.0)
        total += abs(v.data) * weight if weight else 0.0
        for x, d in zip(v._inputs, local(v), strict=True):
            if d:
                reach[id(x)] = reach.get(id(x), 0.0) + weight * abs(d)
    return total


def near_a_kink(roots: Sequence[Value], part: float = 1e-7) -> bool:
    """Whether rounding may decide on which side of a kink or jump some node falls."""
    for v in {x: None for root in roots for x in topological_order(root)}:
        if v._row is None or v._row.kink is None:
            continue
        decide = v._inputs[:1] if v._row.chooses else v._inputs
        if all(x._row is None or x._row.compares for x in decide):
            continue  # numbers as they were given, and truths: the same everywhere
        inputs = [x.data for x in v._inputs]
        if abs(v._row.kink(*inputs)) <= part * max(abs(x.data) for x in decide):
            return True
    return False
