"""A recorded step, read as layers of neurons: what each picture of a network is made from.

Layers are read from the recorded calls of modules, activations from the operations between them;
nothing is guessed. Names are the usual ones of a lecture: W1[0], b1[0], z0, h0, out, L.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from micrograd.errors import GraphError
from micrograd.ops import OPS
from micrograd.step import ModuleCall, ParameterRecord, Positions, Step


@dataclass(frozen=True)
class Scalar:
    """One parameter of a neuron, before and after the step."""

    name: str
    value: float
    gradient: float | None
    learning_rate: float
    direction: float
    new: float
    position: int  # on the tape


@dataclass(frozen=True)
class Unit:
    """A value that flows from layer to layer: an input or a neuron's activation."""

    key: str  # id of its card
    name: str
    value: float
    position: int  # on the tape


@dataclass(frozen=True)
class Neuron(Unit):
    """A unit that is computed: z = W·inputs + b, and then the activation."""

    z_name: str
    z: float
    z_position: int
    z_gradient: float | None
    gradient: float | None  # of the loss by the activation
    activation: str  # row of the op table, "" for none
    activation_text: str  # "ReLU(z0)"
    slope: float  # of the activation at z
    weights: tuple[Scalar, ...]
    bias: Scalar | None


@dataclass(frozen=True)
class Network:
    """Inputs and layers of neurons, of one sample of the step."""

    inputs: tuple[Unit, ...]
    layers: tuple[tuple[Neuron, ...], ...]
    matrices: tuple[tuple[str, ParameterRecord, str, ParameterRecord | None], ...]
    targets: tuple[float, ...]
    loss: float


def read(step: Step, sample: int = 0) -> Network:
    """The network of a step, with the values of one sample and the gradients of the batch.

    Raises a GraphError if it is not Linear layers in a row with element-wise activations between.
    """
    calls = [call for call in step.calls if call.kind == "Linear"]
    if not calls:
        raise GraphError("the step has no Linear layer to draw; draw the loss with op_graph")
    if len({call.name for call in calls}) < len(calls):
        raise GraphError("a Linear layer is called twice in one step; draw the loss with op_graph")
    n = step.samples
    if not 0 <= sample < n:
        raise GraphError(f"sample must be from 0 to {n - 1}, got {sample}")
    inputs = _inputs(step, calls[0], sample)
    layers: list[tuple[Neuron, ...]] = []
    matrices = []
    before: tuple[Unit, ...] = inputs
    for k, call in enumerate(calls):
        last = k == len(calls) - 1
        follows = step.output if last else calls[k + 1].inputs
        neurons = _layer(step, call, _row(follows, sample), sample, k, len(calls), before)
        layers.append(neurons)
        before = neurons
        weight, bias = _parameters(step, call)
        matrices.append((f"W{k + 1}", weight, f"b{k + 1}", bias))
    targets = tuple(float(t) for t in step.y_values.reshape(n, -1)[sample])
    return Network(inputs, tuple(layers), tuple(matrices), targets, step.loss)


def _row(positions: Positions, sample: int) -> list[int]:
    rows = positions.reshape(-1, positions.shape[-1]) if positions.ndim else positions.reshape(1, 1)
    return [int(i) for i in rows[sample]]


def _inputs(step: Step, call: ModuleCall, sample: int) -> tuple[Unit, ...]:
    width = call.inputs.shape[-1]
    numbers = step.x_values.reshape(step.samples, -1)[sample]
    if len(numbers) != width:
        raise GraphError(f"{call.name} does not take the input x; draw the loss with op_graph")
    positions = _row(call.inputs, sample)
    return tuple(
        Unit(f"x{j}", "x" if width == 1 else f"x{j}", float(number), position)
        for j, (number, position) in enumerate(zip(numbers, positions, strict=True))
    )


def _parameters(step: Step, call: ModuleCall) -> tuple[ParameterRecord, ParameterRecord | None]:
    bias = call.parameters.get("bias")
    return step.parameter(call.parameters["weight"]), bias and step.parameter(bias)  # type: ignore


def _layer(
    step: Step,
    call: ModuleCall,
    follows: list[int],
    sample: int,
    k: int,
    depth: int,
    before: tuple[Unit, ...],
) -> tuple[Neuron, ...]:
    weight, bias = _parameters(step, call)
    outputs = _row(call.output, sample)
    if len(follows) != len(outputs):
        raise GraphError(f"what follows {call.name} is not element-wise; use op_graph")
    neurons = []
    for i, (z, a) in enumerate(zip(outputs, follows, strict=True)):
        name, z_name, key = _names(i, k, len(outputs), depth)
        op, slope = _activation(step, z, a, call.name)
        node = step.tape.nodes
        weights = tuple(
            _scalar(weight, (i, j), _matrix_name(f"W{k + 1}", weight.before.shape, (i, j)))
            for j in range(len(before))
        )
        b = None
        if bias is not None:
            b = _scalar(bias, (i,), f"b{k + 1}" + (f"[{i}]" if len(outputs) > 1 else ""))
        neuron = Neuron(
            key=key,
            name=name,
            value=node[a].value,
            position=a,
            z_name=z_name if op else name,
            z=node[z].value,
            z_position=z,
            z_gradient=node[z].gradient,
            gradient=node[a].gradient,
            activation=op,
            activation_text=node[a].text([z_name]) if op else "",
            slope=slope,
            weights=weights,
            bias=b,
        )
        _check(neuron, before, call.name)
        neurons.append(neuron)
    return tuple(neurons)


def _names(i: int, k: int, width: int, depth: int) -> tuple[str, str, str]:
    """Name, name before the activation, and id of unit i of layer k."""
    if k == depth - 1:
        index = "" if width == 1 else str(i)
        return f"out{index}", f"z_out{index}", f"out{index}"
    if depth == 2:
        return f"h{i}", f"z{i}", f"h{i}"
    return f"h{k + 1}[{i}]", f"z{k + 1}[{i}]", f"h{k + 1}_{i}"


def _matrix_name(name: str, shape: tuple[int, ...], index: tuple[int, int]) -> str:
    """W1[0] for a row or a column, W1[2,1] otherwise, W1 for a single number."""
    shown = [str(i) for i, n in zip(index, shape, strict=True) if n > 1]
    return f"{name}[{','.join(shown)}]" if shown else name


def _activation(step: Step, z: int, a: int, layer: str) -> tuple[str, float]:
    """The op between z and what the next layer takes, and its slope."""
    if z == a:
        return "", 1.0
    node = step.tape.nodes[a] if a >= 0 else None
    if node is None or node.inputs != (z,) or node.op not in OPS:
        raise GraphError(
            f"what follows {layer} is not an element-wise activation; draw the loss with op_graph"
        )
    return node.op, node.local[0]


def _check(neuron: Neuron, before: tuple[Unit, ...], layer: str) -> None:
    """Whether the recorded z is what the card is going to say that it is."""
    terms = [w.value * x.value for w, x in zip(neuron.weights, before, strict=True)]
    terms += [neuron.bias.value] if neuron.bias else []
    wrong = abs(math.fsum(terms) - neuron.z) > 1e-9 * math.fsum(abs(t) for t in terms)
    if wrong:
        raise GraphError(f"{layer} does not compute W·x + b; draw the loss with op_graph")


def _scalar(record: ParameterRecord, index: tuple[int, ...], name: str) -> Scalar:
    return Scalar(
        name=name,
        value=float(record.before[index]),
        gradient=None if record.gradient is None else float(record.gradient[index]),
        learning_rate=record.learning_rate,
        direction=float(record.direction[index]),
        new=float(record.after[index]),
        position=int(record.positions[index]),
    )
