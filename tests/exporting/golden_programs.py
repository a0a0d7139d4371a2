"""Programs whose exported text is kept beside, to be read; run as a script, it writes them anew."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
sys.path[:0] = [str(Path(__file__).parents[1] / "compiler"), str(Path(__file__).parents[1])]

from programs_to_compile import WORKLOADS, Workload, regression  # noqa: E402
from recurrences import recurrence  # noqa: E402
from strangers import plain  # noqa: E402

import micrograd  # noqa: E402


def workload(create: Callable[[], Workload]) -> Callable[[], tuple[Any, tuple[Any, ...]]]:
    def make() -> tuple[Any, tuple[Any, ...]]:
        w = create()
        f = micrograd.compile(w.loss, parameters=w.parameters, optimizer=w.optimizer())
        return f, w.arguments(0)

    return make


def article() -> Workload:
    return regression([3, 5, 5, 3, 1], 9, 0.05)


def recurrent(name: str) -> Callable[[], tuple[Any, tuple[Any, ...]]]:
    def make() -> tuple[Any, tuple[Any, ...]]:
        loss, inputs = recurrence(name)
        return micrograd.compile(loss, backend="numpy"), inputs

    return make


def ratings() -> tuple[Any, tuple[Any, ...]]:
    rng = random.Random(1)
    rows = [(rng.randrange(4), rng.randrange(7), rng.gauss(0, 1)) for _ in range(6)]
    return micrograd.compile(plain.ratings, parameters=plain.P), (rows,)


PROGRAMS: dict[str, tuple[Callable[[], tuple[Any, tuple[Any, ...]]], str]] = {
    "article": (workload(article), "numpy"),
    "article_jax": (workload(article), "jax"),
    "article_torch": (workload(article), "torch"),
    "hinge": (workload(WORKLOADS["2-16-16-1, hinge and L2"]), "numpy"),
    "convolution": (workload(WORKLOADS["convolution"]), "numpy"),
    "gpt": (workload(WORKLOADS["GPT, 8 tokens"]), "numpy"),
    "gpt_jax": (workload(WORKLOADS["GPT, 8 tokens"]), "jax"),
    "ratings": (ratings, "numpy"),
    "kalman": (recurrent("kalman"), "numpy"),
    "kalman_torch": (recurrent("kalman"), "torch"),
    "recurrent": (recurrent("recurrent"), "numpy"),
    "recurrent_jax": (recurrent("recurrent"), "jax"),
    "lstm": (recurrent("LSTM, two layers"), "numpy"),
}


def text(name: str) -> str:
    """What a program is exported as today."""
    make, to = PROGRAMS[name]
    f, inputs = make()
    return micrograd.export(f, *inputs, to=to).source


if __name__ == "__main__":
    for name in sys.argv[1:] or PROGRAMS:
        (FOLDER / f"{name}.py").write_text(text(name), encoding="utf-8")
