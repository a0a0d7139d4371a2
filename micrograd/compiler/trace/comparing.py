"""A rewritten function held against the one that was written: on these arguments, and on others.

Both are run, and have to agree in what they return and in derivatives. The others are the same
numbers in another order, and with other signs, so that branches go other ways.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.given import copies
from micrograd.compiler.trace.arguments.results import Outputs, outputs_of
from micrograd.compiler.trace.arguments.stand_ins import IndexGroup, refilled
from micrograd.compiler.trace.arguments.structures import called
from micrograd.compiler.trace.assigned import undisturbed
from micrograd.compiler.trace.eagerly import eagerly, slopes
from micrograd.engine import Value

NEAR = 1e-9  # of the largest: sums are added up in another order
SINGLE = 1e-5  # where a program computes in single precision, and NumPy's single numbers are single
FEW, MANY = 2_000, 20_000  # nodes: the longer a trace is, the fewer others there are
SOON, LONG = 0.02, 0.2  # seconds, which a run may take without a node


def others(
    arguments: tuple[Any, ...], nodes: int, seconds: float = 0.0
) -> Iterator[tuple[Any, ...]]:
    """Arguments with the numbers in another order, and with other signs; each once.

    There are fewer where a run has many nodes, or takes so many seconds.
    """
    r = random.Random(0)
    few, some = nodes < FEW and seconds < SOON, nodes < MANY and seconds < LONG
    had = {_numbers_of(arguments)}
    for k in range(8 if few else 3 if some else 1):
        other = tuple(_varied(x, r, k) for x in arguments)
        numbers = _numbers_of(other)
        if numbers not in had:
            had.add(numbers)
            yield other


def _numbers_of(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    found: list[Any] = []

    def note(number: Any, _: IndexGroup) -> Any:
        found.append(number)
        return number

    for x in arguments:
        refilled(x, note)
    return tuple(found)


def _varied(x: Any, r: random.Random, k: int) -> Any:
    numbers: dict[IndexGroup, list[Any]] = {}

    def noted(number: Any, group: IndexGroup) -> Any:
        numbers.setdefault(group, []).append(number)
        return number

    refilled(x, noted)
    for group, own in numbers.items():
        if k % 3 != 1:
            r.shuffle(own)
        if group is None and k % 3:
            own[:] = [-n if k % 3 == 1 or r.random() < 0.5 else n for n in own]
        if group is None and k > 3:
            own[:] = [n * r.choice((0.25, 1.0, 3.0)) for n in own]
    left = {group: iter(own) for group, own in numbers.items()}
    return refilled(x, lambda _, group: next(left[group]))


def eager_result(
    fn: Callable[..., Any], arguments: tuple[Any, ...], parameters: Sequence[Value]
) -> tuple[list[float], list[Any]] | None:
    """Numbers that the function returns and its derivatives, and what else; None if it raises."""
    try:
        outputs = _outputs(fn, arguments)
    except Exception:  # whatever it is: these arguments are not for this function
        return None
    aux = outputs.rebuild([v.data for v in outputs.values])
    loss = outputs.values[0]
    return [loss.data, *slopes(loss, parameters), *numbers_in(aux)], texts_in(aux)


def raised_by(fn: Callable[..., Any], arguments: tuple[Any, ...]) -> Exception | None:
    """What the function raises where it runs as it is."""
    try:
        _outputs(fn, arguments)
    except Exception as error:
        return error
    return None


def _outputs(fn: Callable[..., Any], arguments: tuple[Any, ...]) -> Outputs:
    with undisturbed(fn):
        result = eagerly(lambda: called(fn, copies(arguments)))
    return outputs_of(result)


def agree(mine: Sequence[float], theirs: Sequence[float], slopes: int, near: float = NEAR) -> bool:
    """Whether numbers are as near as sums in another order are; what is not finite is passed over.

    Of a program whose numbers are not finite the function itself is run; but where its own loss is
    finite, the program's has to be.
    """
    if len(mine) != len(theirs):
        return False
    a, b = np.array(mine, float), np.array(theirs, float)
    if not np.isfinite(a[: 1 + slopes]).all():
        return bool(np.isfinite(a[0]) or not np.isfinite(b[0]))
    scale = 1e-3 + np.abs(b[np.isfinite(b)]).max(initial=0.0)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    return bool((equal | (np.abs(a - b) <= near * scale)).all())


def texts_in(x: Any) -> list[Any]:
    """What is no number in a result, and how it is nested, in order."""
    if isinstance(x, np.ndarray):
        return [x.shape]
    if isinstance(x, dict):
        return [list(x), *(text for item in x.values() for text in texts_in(item))]
    if isinstance(x, list | tuple):
        return [(type(x), len(x)), *(text for item in x for text in texts_in(item))]
    return [] if isinstance(x, Real | np.bool_) else [x]


def numbers_in(x: Any) -> list[float]:
    """The numbers in a result, in order."""
    if isinstance(x, np.ndarray):
        return [number for item in x.ravel().tolist() for number in numbers_in(item)]
    if isinstance(x, dict):
        return [number for item in x.values() for number in numbers_in(item)]
    if isinstance(x, list | tuple):
        return [number for item in x for number in numbers_in(item)]
    return [float(x)] if isinstance(x, Real | np.bool_) else []
