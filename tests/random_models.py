"""Random small models of every kind that people bring, as Hypothesis strategies."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import micrograd
from micrograd import Value, nn, optim, record_steps
from micrograd.steps.step import Step

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "leaky_relu": nn.LeakyReLU}
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.01}),
    ("Adagrad", {}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.1}),
]


@dataclass(frozen=True)
class Case:
    """A model, what it is trained on and how; `record()` makes and trains it anew."""

    kind: str
    sizes: tuple[int, ...]
    activation: str
    loss: str
    optimizer: tuple[str, tuple[tuple[str, Any], ...]]
    samples: int
    steps: int
    digits: int
    seed: int

    def record(self) -> list[Step]:
        """The recorded steps, one after the other on the same batch."""
        micrograd.manual_seed(self.seed)
        random.seed(self.seed)
        drawn = random.Random(self.seed)
        model = KINDS[self.kind](self.sizes, self.activation)
        name, options = self.optimizer
        parameters = list(model.parameters())
        optimizer = getattr(optim, name)(parameters, lr=0.1, **dict(options))
        batches = [self.batch(drawn)] * self.steps
        return record_steps(model, LOSSES[self.loss](), optimizer, batches)

    def batch(self, drawn: random.Random) -> tuple[Any, Any]:
        """Inputs and targets of so many digits as people type."""
        first, last = self.sizes[0], self.sizes[-1]
        x: Any = [[_typed(drawn) for _ in range(first)] for _ in range(self.samples)]
        if self.kind == "two inputs":
            x = x, [[_typed(drawn)] for _ in range(self.samples)]
        if self.loss == "cross entropy":
            return x, [drawn.randrange(last) for _ in range(self.samples)]
        if self.loss == "listed squares":
            return x, [_typed(drawn) for _ in range(self.samples)]
        signs = self.loss in ("hinge", "binary cross entropy")
        least = -1 if self.loss == "hinge" else 0
        y = [
            [drawn.choice((least, 1)) if signs else _typed(drawn) for _ in range(last)]
            for _ in range(self.samples)
        ]
        return x, y


def _typed(drawn: random.Random) -> float:
    return round(drawn.uniform(-3, 3), drawn.choice((0, 1, 1, 2))) + 0.0


# ---- models --------------------------------------------------------------------------------------


def stack(sizes: tuple[int, ...], activation: str) -> nn.Module:
    modules: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        modules += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*modules[:-1])


def softmax_at_the_end(sizes: tuple[int, ...], activation: str) -> nn.Module:
    return nn.Sequential(stack(sizes, activation), nn.Softmax(dim=-1))


class Functional(nn.Module):
    """Activations that are called, not modules."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(sizes[0], sizes[1]), nn.Linear(sizes[1], sizes[-1])
        self.activation = activation

    def act(self, x: Any) -> Any:
        return (
            x.leaky_relu(0.1) if self.activation == "leaky_relu" else getattr(x, self.activation)()
        )

    def forward(self, x: Any) -> Any:
        return self.fc2(self.act(self.fc1(x)))


class Residual(Functional):
    """What goes in is added to what comes out of a hidden layer."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__(sizes, activation)
        self.block = nn.Linear(sizes[1], sizes[1])

    def forward(self, x: Any) -> Any:
        h = self.act(self.fc1(x))
        return self.fc2(h + self.act(self.block(h)))


class Skip(Functional):
    """A second way from the input to the output."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__(sizes, activation)
        self.direct = nn.Linear(sizes[0], sizes[-1])

    def forward(self, x: Any) -> Any:
        return self.fc2(self.act(self.fc1(x))) + self.direct(x)


class Reused(Functional):
    """One layer, used twice."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__(sizes, activation)
        self.again = nn.Linear(sizes[1], sizes[1])

    def forward(self, x: Any) -> Any:
        h = self.act(self.again(self.act(self.fc1(x))))
        return self.fc2(self.act(self.again(h)))


class Gated(Functional):
    """The product of two layers, element by element."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__(sizes, activation)
        self.gate = nn.Linear(sizes[0], sizes[1])

    def forward(self, x: Any) -> Any:
        return self.fc2(self.gate(x).sigmoid() * self.act(self.fc1(x)))


class TwoInputs(Functional):
    """Two arguments, each through a layer of its own."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__(sizes, activation)
        self.side = nn.Linear(1, sizes[1])

    def forward(self, x: Any, extra: Any) -> Any:
        return self.fc2(self.act(self.fc1(x) + self.side(extra)))


class Heads(Functional):
    """Two outputs from one hidden layer."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__(sizes, activation)
        self.other = nn.Linear(sizes[1], 1)

    def forward(self, x: Any) -> Any:
        h = self.act(self.fc1(x))
        return self.fc2(h), self.other(h)


class Arithmetic(Functional):
    """Array arithmetic besides layers."""

    def forward(self, x: Any) -> Any:
        h = self.act(self.fc1(x))
        return 0.5 * self.fc2(h**2 - h) + 1


def karpathy(sizes: tuple[int, ...], activation: str) -> nn.MLP:
    """His MLP, which takes one row."""
    return nn.MLP(sizes[0], [*sizes[1:-1], 1])


class Rows(nn.Module):
    """A module of lists, with his MLP in it."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.mlp = nn.MLP(sizes[0], [max(2, n) for n in sizes[1:-1]] + [1])

    def forward(self, rows: Any) -> Any:
        return [self.mlp(row) for row in rows]


class Scalars:
    """Plain scalar code with lists of Values, no module at all."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        n, m = sizes[0], sizes[1]
        self.w = [[Value(random.uniform(-1, 1)) for _ in range(n)] for _ in range(m)]
        self.v = [Value(random.uniform(-1, 1)) for _ in range(m)]
        self.b = Value(0.1)
        self.activation = activation if activation != "leaky_relu" else "tanh"

    def parameters(self) -> list[Value]:
        return [*(w for ws in self.w for w in ws), *self.v, self.b]

    def __call__(self, row: Any) -> Value:
        hidden = [
            getattr(sum(w * x for w, x in zip(ws, row, strict=True)), self.activation)()
            for ws in self.w
        ]
        return sum((v * h for v, h in zip(self.v, hidden, strict=True)), self.b)


KINDS: dict[str, Callable[[tuple[int, ...], str], Any]] = {
    "stack": stack,
    "softmax": softmax_at_the_end,
    "functional": Functional,
    "residual": Residual,
    "skip": Skip,
    "reused": Reused,
    "gated": Gated,
    "two inputs": TwoInputs,
    "arithmetic": Arithmetic,
    "heads": Heads,
    "karpathy": karpathy,
    "rows": Rows,
    "scalars": Scalars,
}


def squares() -> Callable[[Any, Any], Any]:
    """The sum of squares of lists of Values."""

    def listed(out: Any, y: Any) -> Any:
        return sum((p - t) ** 2 for p, t in zip(out, y, strict=True)) / len(out)

    return listed


def own_loss() -> Callable[[Any, Any], Any]:
    """A loss of one's own, on arrays."""

    def halved(out: Any, y: Any) -> Any:
        return ((out - y) ** 2).sum() / 2

    return halved


def of_heads() -> Callable[[Any, Any], Any]:
    """A loss of two outputs."""

    def both(out: Any, y: Any) -> Any:
        return ((out[0] - y) ** 2).mean() + (out[1] ** 2).mean()

    return both


LOSSES: dict[str, Callable[[], Any]] = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "hinge": nn.HingeLoss,
    "binary cross entropy": nn.BCEWithLogitsLoss,
    "cross entropy": nn.CrossEntropyLoss,
    "listed squares": squares,
    "heads": of_heads,
    "own": own_loss,
}


@st.composite
def cases(draw: st.DrawFn, kind: str) -> Case:
    """A case of a kind that fits on a page."""
    listed = kind in ("karpathy", "rows", "scalars")
    hidden = draw(
        st.lists(st.sampled_from((1, 2, 2, 3)), min_size=1, max_size=2 if kind == "stack" else 1)
    )
    if listed:
        loss = "listed squares"
    else:
        usual = sorted(LOSSES.keys() - {"listed squares", "heads"})
        loss = "heads" if kind == "heads" else draw(st.sampled_from(usual))
    last = (
        1
        if listed
        else draw(st.sampled_from((2, 2, 3) if loss == "cross entropy" else (1, 1, 2, 3)))
    )
    name, options = draw(st.sampled_from(OPTIMIZERS))
    return Case(
        kind=kind,
        sizes=(draw(st.integers(1, 2)), *hidden, last),
        activation=draw(st.sampled_from(sorted(ACTIVATIONS))),
        loss=loss,
        optimizer=(name, tuple(options.items())),
        samples=draw(st.sampled_from((1, 2, 3, 4) if sum(hidden) * last < 4 else (1, 1, 2))),
        steps=draw(st.integers(1, 3)),
        digits=draw(st.sampled_from((4, 4, 4, 2, 3, 6, 8))),
        seed=draw(st.integers(0, 10_000)),
    )
