"""What a recorded step shows that keeps a model from learning, as plain data and in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from micrograd.nn.classification import BCEWithLogitsLoss, CrossEntropyLoss
from micrograd.nn.losses import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from micrograd.ops import FLOATS, OPS, Op
from micrograd.steps.step import Floats, InputRecord, Step
from micrograd.text.words import check_language

VANISHED, EXPLODED = 1e-3, 1e3  # gradients at the first layer, in those at the last
SATURATED = 0.01  # of the slope at 0, of rows that level off on both sides
FAR, APART = 30.0, 100.0  # size of an input, and of the largest input in that of the least
STILL, MATTERS = 1e-6, 0.1  # a step, in parameters; the loss by them, in the loss
STEP = 1e-3  # of the size of parameters: what a step may well change
NAMED = 6  # units or parameters in a line; of more, how many there are
FAR_OUT = 1e3  # where a row that levels off has done so

OF_NUMBERS = (MSELoss, L1Loss, SmoothL1Loss, HuberLoss)  # whose targets are what is wanted

WORDS = {
    "dead": (
        "{place}: {count} of {units} units give 0 for all {samples} samples ({which}), so that no "
        "gradient gets through them; start with smaller weights or a smaller learning rate",
        "{place}：{units} 个单元中有 {count} 个对全部 {samples} 个样本都输出 0（{which}），"
        "梯度无法通过；请用更小的初始权重或学习率",
    ),
    "saturated": (
        "{place}: {count} of {units} units are saturated for all samples ({which}): their slope is "
        "at most {slope:.2g}; scale the inputs, or start with smaller weights",
        "{place}：{units} 个单元中有 {count} 个对所有样本都饱和（{which}）：斜率至多 {slope:.2g}；"
        "请缩放输入，或用更小的初始权重",
    ),
    "vanishing": (
        "gradients vanish: at {place} they are {first:.2g}, at {last_place} {last:.2g} ({ratio:.1g}"
        " times as large); use ReLU, fewer layers, or start with larger weights",
        "梯度消失：{place} 处为 {first:.2g}，{last_place} 处为 {last:.2g}（{ratio:.1g} 倍）；"
        "请改用 ReLU、减少层数，或用更大的初始权重",
    ),
    "exploding": (
        "gradients explode: at {place} they are {first:.2g}, at {last_place} {last:.2g} "
        "({ratio:.1g} times as large); start with smaller weights",
        "梯度爆炸：{place} 处为 {first:.2g}，{last_place} 处为 {last:.2g}（{ratio:.1g} 倍）；"
        "请用更小的初始权重",
    ),
    "unreached": (
        "no gradient comes to {place}: the loss does not depend on it",
        "梯度到不了 {place}：损失与它无关",
    ),
    "zero gradient": (
        "all gradients are 0 of {place}: a step does not change it",
        "{place} 的梯度全为 0：更新不会改变它",
    ),
    "outside": (
        "the optimizer does not have {place}, which has a gradient: make the optimizer from "
        "model.parameters()",
        "优化器中没有 {place}，而它有梯度：请用 model.parameters() 创建优化器",
    ),
    "leftover": (
        "the parameters have gradients from before (of size {size:.2g}), to which backward() adds: "
        "call optimizer.zero_grad() before each backward()",
        "参数还留有之前的梯度（大小 {size:.2g}），backward() 会在其上累加："
        "请在每次 backward() 之前调用 optimizer.zero_grad()",
    ),
    "large input": (
        "{place}: its numbers are of size {size:.3g}; subtract their mean ({mean:.3g}) and divide "
        "by their spread ({spread:.3g})",
        "{place}：数值大小约为 {size:.3g}；请减去均值（{mean:.3g}）再除以标准差（{spread:.3g}）",
    ),
    "uneven inputs": (
        "the columns of {place} differ in size by a factor of {ratio:.3g} (column {large} and "
        "column {small}): divide each by its spread",
        "{place} 各列的大小相差 {ratio:.3g} 倍（第 {large} 列与第 {small} 列）："
        "请各除以自己的标准差",
    ),
    "overshoot": (
        "the learning rate {rate:g} overshoots: the loss of this batch goes from {before:.4g} to "
        "{after:.4g}; on this line it would be least near {better:.2g}",
        "学习率 {rate:g} 过大：这一批的损失从 {before:.4g} 变为 {after:.4g}；"
        "沿此方向，约 {better:.2g} 时损失最小",
    ),
    "slow": (
        "the learning rate {rate:g} is too small: a step changes the parameters by {share:.1g} of "
        "their size, though the loss depends on them; try some {better:.1g}",
        "学习率 {rate:g} 过小：一步只改变参数大小的 {share:.1g}，而损失与参数有关；"
        "可试约 {better:.1g}",
    ),
    "frozen": (
        "nothing is trained: no parameter of the {place} requires a gradient; set requires_grad = "
        "True for those that are to learn",
        "没有任何训练：{place} 的参数都不需要梯度；请对要学习的参数设 requires_grad = True",
    ),
    "twice": (
        "{place} applies {function} to what is {function} already: leave the last {layer} out",
        "{place} 会对已经过 {function} 的输出再做一次 {function}：请去掉最后的 {layer}",
    ),
    "out of range": (
        "{place} gives numbers from {low:g} to {high:g}, and targets go from {least:.4g} to "
        "{most:.4g}: leave the last {function} out, or scale the targets",
        "{place} 的取值为 {low:g} 到 {high:g}，而目标为 {least:.4g} 到 {most:.4g}："
        "请去掉最后的 {function}，或缩放目标",
    ),
    "not finite": (
        "the loss is {before}: run the step inside detect_anomaly() to see where it comes from",
        "损失为 {before}：请在 detect_anomaly() 中运行，查看它从何而来",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, where, and the numbers that show it."""

    kind: str  # a key of WORDS
    place: str
    numbers: dict[str, Any]

    def text(self, language: str = "en") -> str:
        """It in words, with what to do."""
        words = WORDS[self.kind][check_language(language) == "zh"]
        return words.format(place=self.place, **self.numbers)


@dataclass(frozen=True)
class LayerHealth:
    """What one layer hands on, and what comes back: root mean squares over samples and units."""

    name: str
    kind: str
    units: int
    output: float
    gradient: float  # of the loss, by the layer's outputs
    dead: tuple[int, ...]
    saturated: tuple[int, ...]
    slope: float  # the largest of the saturated units


def rms(x: Any) -> float:
    """The root of the mean square of what is there.

    >>> rms([3.0, -4.0, 0.0, 0.0])
    2.5
    """
    numbers = np.ma.masked_array(x, dtype=np.float64).compressed()
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.mean(numbers * numbers))) if numbers.size else 0.0


def layers_of(step: Step) -> tuple[LayerHealth, ...]:
    """The layers of a step, in the order in which they were first called."""
    outputs: dict[tuple[str, str], list[Any]] = {}
    for call in step.layers():
        at = np.asarray(call.output)
        rows = at.reshape(-1, (at.shape or (1,))[-1])
        outputs.setdefault((call.name, call.kind), []).append(rows)
    return tuple(_layer(step, *key, np.concatenate(at)) for key, at in outputs.items())


@cache
def steepness(name: str) -> float:
    """The slope at 0 of a row that is level far out on both sides, and not the same; else 0.

    >>> steepness("tanh"), steepness("sigmoid"), steepness("relu")
    (1.0, 0.25, 0.0)
    """
    row = OPS[name]
    if row.has_static:
        return 0.0
    ends, slopes = zip(*(_value_and_slope(row, x) for x in (-FAR_OUT, FAR_OUT, 0.0)), strict=True)
    levels_off = slopes[:2] == (0.0, 0.0) and ends[0] != ends[1] and all(map(math.isfinite, ends))
    return abs(slopes[2]) if levels_off else 0.0


def _value_and_slope(row: Op, x: float) -> tuple[float, float]:
    y = row.f(x)
    return y, row.vjp(FLOATS, 1.0, y, x)[0] + 0.0


def _layer(step: Step, name: str, kind: str, at: Any) -> LayerHealth:
    nodes = step.tape.nodes
    columns = [[nodes[i] for i in column if i >= 0] for column in at.T]
    dead, saturated, slopes = [], [], [0.0]
    for unit, column in enumerate(columns):
        ops = {node.op for node in column}
        row = OPS.get(ops.pop()) if len(ops) == 1 else None
        if row is None or row.arity != 1:
            continue
        largest = max(abs(node.local[0]) for node in column)
        if row.kink and not largest:
            dead.append(unit)
        elif largest <= SATURATED * steepness(row.name):
            saturated.append(unit)
            slopes.append(largest)
    values, gradients = rms(step.values(at)), rms(step.gradients(at))
    return LayerHealth(
        name, kind, len(columns), values, gradients, tuple(dead), tuple(saturated), max(slopes)
    )


def findings(step: Step, layers: tuple[LayerHealth, ...], loss: Any) -> Iterator[Finding]:
    """What is wrong, the worst first."""
    if not math.isfinite(step.loss):
        yield Finding("not finite", "loss", {"before": step.loss})
    yield from _of_parameters(step)
    yield from _of_units(step, layers)
    yield from _of_depth(layers)
    for given in step.inputs:
        yield from _of_input(given)
    yield from _of_end(step, layers, loss)
    yield from _of_rate(step)


def _of_parameters(step: Step) -> Iterator[Finding]:
    found: dict[str, list[str]] = {"unreached": [], "zero gradient": [], "outside": []}
    for p in step.parameters:
        if p.gradient is None:
            found["unreached"].append(p.name)
        elif not np.any(p.gradient):
            found["zero gradient"].append(p.name)
        if p.gradient is not None and not p.options:
            found["outside"].append(p.name)
    for kind, names in found.items():
        if names:
            yield Finding(kind, _listed(names), {"names": tuple(names)})


def _listed(names: Sequence[object]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(map(str, names[:NAMED]))
    return shown + (f", … ({len(names)})" if len(names) > NAMED else "")


def _of_units(step: Step, layers: tuple[LayerHealth, ...]) -> Iterator[Finding]:
    for layer in layers:
        for kind, units in (("dead", layer.dead), ("saturated", layer.saturated)):
            if units:
                yield Finding(kind, layer.name, {
                    "count": len(units), "units": layer.units, "which": _listed(units),
                    "samples": step.samples, "slope": layer.slope,
                })  # fmt: skip


def _of_depth(layers: tuple[LayerHealth, ...]) -> Iterator[Finding]:
    if len(layers) < 2 or not layers[-1].gradient:
        return
    first, last = layers[0], layers[-1]
    ratio = first.gradient / last.gradient
    kind = "vanishing" if ratio < VANISHED else "exploding" if ratio > EXPLODED else ""
    if kind:
        numbers = {"first": first.gradient, "last": last.gradient, "last_place": last.name}
        yield Finding(kind, first.name, {**numbers, "ratio": ratio})


def _of_input(given: InputRecord) -> Iterator[Finding]:
    table: Floats = np.asarray(given.values, dtype=np.float64)
    table = table.reshape(-1, table.shape[-1]) if table.ndim else table.reshape(1, 1)
    sizes = [rms(column) for column in table.T]
    if max(sizes, default=0.0) > FAR:
        numbers = {"size": rms(table), "mean": float(table.mean()), "spread": float(table.std())}
        yield Finding("large input", given.name, numbers)
    used = [i for i, size in enumerate(sizes) if size > 0]
    if len(used) > 1:
        large, small = max(used, key=sizes.__getitem__), min(used, key=sizes.__getitem__)
        if sizes[large] > APART * sizes[small]:
            numbers = {"ratio": sizes[large] / sizes[small], "large": large, "small": small}
            yield Finding("uneven inputs", given.name, numbers)


def _of_end(step: Step, layers: tuple[LayerHealth, ...], loss: Any) -> Iterator[Finding]:
    """An output that the loss makes again, or that cannot be what the targets are."""
    at, values = np.ravel(step.output), step.values(step.output)
    ops = {step.tape.nodes[i].op for i in at if i >= 0}
    place = layers[-1].name if layers else "model"
    if isinstance(loss, CrossEntropyLoss) and values.ndim > 1 and values.size:
        rows = np.sum(values, axis=1)
        if values.shape[1] > 1 and np.all(values >= 0) and np.allclose(rows, 1.0, atol=1e-9):
            numbers = {"function": "softmax", "layer": "Softmax"}
            yield Finding("twice", type(loss).__name__, numbers)
    if isinstance(loss, BCEWithLogitsLoss) and ops == {"sigmoid"}:
        numbers = {"function": "sigmoid", "layer": "Sigmoid"}
        yield Finding("twice", type(loss).__name__, numbers)
    row = OPS.get(ops.pop()) if len(ops) == 1 else None
    targets = np.asarray(step.y_values, dtype=np.float64)
    if row is None or row.arity != 1 or row.has_static or not isinstance(loss, OF_NUMBERS):
        return
    low, high = (_end(row, x) for x in (-FAR_OUT, FAR_OUT))
    least, most = float(targets.min()), float(targets.max())
    if least < low or most > high:
        ends = {"low": low, "high": high, "least": least, "most": most}
        yield Finding("out of range", place, {**ends, "function": row.name})


def _end(row: Op, x: float) -> float:
    """What a row comes to far out: its value where it has levelled off; else an infinity."""
    y, slope = _value_and_slope(row, x)
    return y if slope == 0.0 else math.copysign(math.inf, x)


def _of_slow_rate(step: Step) -> Iterator[Finding]:
    """A step that is nothing beside the parameters, though the loss depends on them."""
    trained = [p for p in step.parameters if p.gradient is not None and p.options]
    size = _norm(p.before for p in trained)
    change = _norm(p.after - p.before for p in trained)
    slope = _norm(p.gradient for p in trained)
    matters = size * slope > MATTERS * abs(step.loss)
    if step.learning_rate > 0 and 0 < change < STILL * size and matters:
        share = change / size
        numbers = {"rate": step.learning_rate, "share": share,
                   "better": step.learning_rate * STEP / share}  # fmt: skip
        yield Finding("slow", "lr", numbers)


def _norm(arrays: Iterable[Any]) -> float:
    return math.hypot(*(float(np.linalg.norm(x)) for x in arrays))


def _of_rate(step: Step) -> Iterator[Finding]:
    if not math.isfinite(step.loss):
        return
    yield from _of_slow_rate(step)
    if step.loss_after <= step.loss:
        return
    # The loss along the step as a parabola, through both ends and with the slope at the start.
    slope = sum(
        float(np.sum(p.gradient * (p.before - p.after)))
        for p in step.parameters
        if p.gradient is not None and p.options
    )
    bend = step.loss_after - step.loss + slope
    better = step.learning_rate * slope / (2 * bend) if bend > 0 and math.isfinite(bend) else 0.0
    numbers = {"rate": step.learning_rate, "before": step.loss, "after": step.loss_after}
    yield Finding("overshoot", "lr", {**numbers, "better": better})
