"""The gradient diagram: neurons and weights as cards, values forward, gradients backward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from micrograd.step import Step
from micrograd.words import check_language, number, short, word
from viz.cards import Band, Card, Grid, Piece, Row, operand, plain, product
from viz.drawing import Drawing, step_caption
from viz.figure import Figure
from viz.layers import layer_graph
from viz.network import Network, Neuron, Scalar, Unit, read
from viz.palette import FORWARD, GRADIENT, LOCAL, UPDATE, WEIGHT_FRAME

MOST_WEIGHT_CARDS = 6  # a layer with more weights shows them as lines of its neurons' cards
MOST_NAMED_TERMS = 2  # a sum of more terms is written with vectors: W2[0]·h1
MOST_TERMS = 3  # a sum of more numbers is not spelled out
MOST_SCALARS = 300  # with more parameters than this, the picture is folded to layers


def gradient_diagram(step: Step, sample: int = 0, language: str = "en") -> Figure:
    """Draw a recorded step as a teacher would: every value, local derivative and gradient.

    The network must be Linear layers in a row with element-wise activations between them
    (otherwise a GraphError says what stands in the way). Of a batch, the values are those of one
    sample and the gradients of the parameters those of the whole batch. A network of more than
    300 parameters is drawn as `layer_graph`, and the caption says so.

    >>> from micrograd import article, nn, optim, record_step
    >>> model = article.network()
    >>> sgd = optim.SGD(model.parameters(), lr=0.01)
    >>> figure = gradient_diagram(record_step(model, nn.MSELoss(), sgd, article.X, article.Y))
    >>> "∂L/∂h0" in figure.source
    True
    """
    check_language(language)
    network = read(step, sample)
    if sum(p.before.size for p in step.parameters) > MOST_SCALARS:
        return layer_graph(step, language, folded=True)
    return _Diagram(step, network, sample, language).figure()


@dataclass(frozen=True)
class _Diagram:
    step: Step
    network: Network
    sample: int
    language: str

    def figure(self) -> Figure:
        caption = step_caption(self.step, self.language, self.sample)
        drawing = Drawing("gradient_diagram", caption, self.language, self.step.optimizer_name)
        for unit in self.network.inputs:
            row = Row(unit.name, number(unit.value), "fw", "fe")
            drawing.card(Card(unit.key, unit.name, self._say("input"), (Band(FORWARD, (row,)),)))
        before: tuple[Unit, ...] = self.network.inputs
        for k, layer in enumerate(self.network.layers):
            apart = len(layer) * len(before) <= MOST_WEIGHT_CARDS
            for i, neuron in enumerate(layer):
                drawing.card(self._neuron(k, i, neuron, before, apart))
                for j, unit in enumerate(before):
                    if apart:
                        self._weight_card(drawing, k, neuron, j, unit)
                    else:
                        self._wires(drawing, k, neuron, j, unit)
            before = layer
        drawing.card(self._loss())
        for neuron in self.network.layers[-1]:
            east = "ae" if neuron.activation else "fe"
            drawing.forward(neuron.key, east, "L", "fw")
            drawing.backward("L", f"l_{neuron.key}", neuron.key, "ge")
        return drawing.figure()

    def _say(self, english: str, **fields: object) -> str:
        return word(english, self.language, **fields)

    # ---- neurons -------------------------------------------------------------------------------

    def _neuron(
        self, k: int, i: int, neuron: Neuron, before: tuple[Unit, ...], apart: bool
    ) -> Card:
        last = k == len(self.network.layers) - 1
        kind = self._say("output neuron" if last else "hidden neuron")
        name = neuron.activation_text.partition("(")[0]
        parts: list[Band | Grid] = [self._forward(k, i, neuron, before, apart)]
        if not apart:
            parts.append(self._weight_lines(neuron, before))
        if neuron.activation:
            slope = f"∂{neuron.name}/∂{neuron.z_name} = {name}′({neuron.z_name})"
            parts.append(Band(LOCAL, (Row(slope, short(neuron.slope)),)))
        parts.append(Band(GRADIENT, tuple(self._gradients(k, i, neuron, apart))))
        if neuron.bias and apart:
            new = f"{self._say('new')} {neuron.bias.name}"
            update = Row(new, number(neuron.bias.new), detail=_rule(neuron.bias))
            parts.append(Band(UPDATE, (update,)))
        separator = "," if self.language == "en" else ""
        subtitle = f"{kind}{separator} {name}" if name else kind
        return Card(neuron.key, neuron.name, subtitle, tuple(parts))

    def _forward(
        self, k: int, i: int, neuron: Neuron, before: tuple[Unit, ...], apart: bool
    ) -> Band:
        rows = []
        detail: tuple[Piece, ...] = ()
        if apart and neuron.bias:
            rows.append(Row(neuron.bias.name, number(neuron.bias.value)))
        if apart and len(before) <= MOST_TERMS:
            factors = [
                f"{operand(number(w.value))} × {operand(short(x.value))}"
                for w, x in zip(neuron.weights, before, strict=True)
            ]
            constant = [operand(number(neuron.bias.value))] if neuron.bias else []
            detail = plain(FORWARD, "= " + " + ".join(factors + constant))
        east = "" if neuron.activation else "fe"
        z = f"{neuron.z_name} = {self._formula(k, i, neuron, before)}"
        rows.append(Row(z, number(neuron.z), "fw", east, detail))
        if neuron.activation:
            shown = f"{neuron.name} = {neuron.activation_text}"
            rows.append(Row(shown, number(neuron.value), "aw", "ae"))
        return Band(FORWARD, tuple(rows))

    def _formula(self, k: int, i: int, neuron: Neuron, before: tuple[Unit, ...]) -> str:
        bias = [neuron.bias.name] if neuron.bias else []
        if len(before) <= MOST_NAMED_TERMS:
            terms = [f"{w.name}·{x.name}" for w, x in zip(neuron.weights, before, strict=True)]
        else:
            row = "" if len(self.network.layers[k]) == 1 else f"[{i}]"
            terms = [f"{self.network.matrices[k][0]}{row}·{_stem(before[0].name)}"]
        return " + ".join(terms + bias)

    def _gradients(self, k: int, i: int, neuron: Neuron, apart: bool) -> Iterator[Row]:
        same = f" = ∂L/∂{neuron.bias.name}" if neuron.bias and self._one_sample() else ""
        upstream = self._upstream(k, i, neuron)
        if not neuron.activation:
            name = f"∂L/∂{neuron.name}{same}"
            yield Row(name, number(neuron.gradient), "bw", "ge", upstream)
        else:
            a, z = f"∂L/∂{neuron.name}", f"∂L/∂{neuron.z_name}"
            factors = product(GRADIENT, number(neuron.gradient), LOCAL, short(neuron.slope))
            detail = (("= ", GRADIENT.text), *factors)
            yield Row(a, number(neuron.gradient), "gw", "ge", upstream, inline=not apart)
            z += same if apart else ""
            yield Row(z, number(neuron.z_gradient), "bw", "be", detail, inline=not apart)
        if neuron.bias and apart and not self._one_sample():
            yield Row(
                f"∂L/∂{neuron.bias.name}", number(neuron.bias.gradient), detail=self._batch_sum()
            )

    def _one_sample(self) -> bool:
        return self.step.samples == 1

    def _batch_sum(self) -> tuple[Piece, ...]:
        return plain(GRADIENT, self._say("sum over {n} samples", n=self.step.samples))

    def _upstream(self, k: int, i: int, neuron: Neuron) -> tuple[Piece, ...]:
        """Where a neuron's gradient comes from: a sum over the neurons that it feeds."""
        if k == len(self.network.layers) - 1:
            return (("= ", GRADIENT.text), *product(GRADIENT, "1", LOCAL, number(neuron.gradient)))
        after = self.network.layers[k + 1]
        if len(after) > MOST_TERMS:
            matrix = self.network.matrices[k + 1][0]
            z = _stem(after[0].z_name)
            return plain(GRADIENT, f"= Σ ∂L/∂{z}[j] × {matrix}[j,{i}]")
        pieces: list[Piece] = [("= ", GRADIENT.text)]
        for j, user in enumerate(after):
            if j:
                pieces.append((" + ", GRADIENT.text))
            pieces += product(
                GRADIENT, number(user.z_gradient), LOCAL, number(user.weights[i].value)
            )
        return tuple(pieces)

    # ---- weights -------------------------------------------------------------------------------

    def _weight_card(self, drawing: Drawing, k: int, neuron: Neuron, j: int, unit: Unit) -> None:
        weight = neuron.weights[j]
        key = f"{neuron.key}_w{j}"
        local = [Row(f"∂{neuron.z_name}/∂W = {unit.name}", number(unit.value))]
        if k:
            slope = f"∂{neuron.z_name}/∂{unit.name} = W"
            local.append(Row(slope, number(weight.value), "lw", "le"))
        update = Row(self._say("new value"), number(weight.new), detail=_rule(weight))
        drawing.card(
            Card(
                key,
                weight.name,
                self._say("weight"),
                (
                    Band(FORWARD, (Row(self._say("value"), number(weight.value), "fw", "fe"),)),
                    Band(LOCAL, tuple(local)),
                    Band(GRADIENT, (self._weight_gradient(neuron, unit, weight),)),
                    Band(UPDATE, (update,)),
                ),
                WEIGHT_FRAME,
            )
        )
        drawing.forward(unit.key, _east(unit), key, "fw")
        drawing.forward(key, "fe", neuron.key, "fw")
        drawing.backward(neuron.key, "bw", key, "be")
        if k:
            drawing.backward(key, "lw", unit.key, "ge")

    def _weight_gradient(self, neuron: Neuron, unit: Unit, weight: Scalar) -> Row:
        detail = self._batch_sum()
        if self._one_sample():
            factors = product(GRADIENT, number(neuron.z_gradient), LOCAL, number(unit.value))
            detail = (("= ", GRADIENT.text), *factors)
        return Row("∂L/∂W", number(weight.gradient), "bw", "be", detail)

    def _weight_lines(self, neuron: Neuron, before: tuple[Unit, ...]) -> Grid:
        lines = [(f"{x.name} ·", w, x.value) for x, w in zip(before, neuron.weights, strict=True)]
        if neuron.bias:
            lines.append((f"{neuron.bias.name}", neuron.bias, 1.0))
        return Grid(
            columns=(
                (self._say("weights"), FORWARD, tuple(number(w.value) for _, w, _ in lines)),
                ("∂z/∂W", LOCAL, tuple(number(x) for _, _, x in lines)),
                ("∂L/∂W", GRADIENT, tuple(number(w.gradient) for _, w, _ in lines)),
                (self._say("new"), UPDATE, tuple(number(w.new) for _, w, _ in lines)),
            ),
            names=tuple(name for name, _, _ in lines),
            ports=tuple(f"w{j}" for j in range(len(lines))),
        )

    def _wires(self, drawing: Drawing, k: int, neuron: Neuron, j: int, unit: Unit) -> None:
        drawing.forward(unit.key, _east(unit), neuron.key, f"w{j}", thin=True)
        if k:
            drawing.backward(neuron.key, "bw", unit.key, "ge", thin=True)

    # ---- loss ----------------------------------------------------------------------------------

    def _loss(self) -> Card:
        outputs = self.network.layers[-1]
        n = self.step.loss_terms
        many = len(outputs) > 1
        targets = [
            Row(f"y{i}" if many else "y", number(y)) for i, y in enumerate(self.network.targets)
        ]
        formula, slope = self.step.loss_formula, self.step.loss_derivative
        detail = plain(FORWARD, self._say("mean of {n}", n=n)) if n > 1 else ()
        local = []
        for neuron in outputs:
            shown = slope.replace("out", neuron.name) + (f"/{n}" if n > 1 else "")
            local.append(
                Row(f"∂L/∂{neuron.name} = {shown}", number(neuron.gradient), f"l_{neuron.key}")
            )
        loss = Row(f"L = {formula}", number(self.network.loss), "fw", "fe", detail)
        return Card(
            "L",
            "L",
            self._say("loss"),
            (
                Band(FORWARD, (*targets, loss)),
                Band(LOCAL, tuple(local)),
                Band(GRADIENT, (Row("∂L/∂L", "1", "bw", "be"),)),
            ),
        )


def _rule(scalar: Scalar) -> tuple[Piece, ...]:
    """Small print of an update: old - learning rate × direction."""
    if scalar.gradient is None:
        return ()
    step = f"{scalar.learning_rate:g} × {operand(number(scalar.direction))}"
    return plain(UPDATE, f"= {number(scalar.value)} − {step}")


def _east(unit: Unit) -> str:
    """The port from which a unit's value goes on."""
    return "ae" if isinstance(unit, Neuron) and unit.activation else "fe"


def _stem(name: str) -> str:
    """The name of a whole layer: h1 for h1[0], z for z0, x for x0."""
    return name.partition("[")[0] if "[" in name else name.rstrip("0123456789")
