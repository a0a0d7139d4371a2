"""Where a gradient comes from: upstream times local, added up over all uses."""

from __future__ import annotations

from dataclasses import dataclass

from micrograd.reading.indices import indexed
from micrograd.reading.reading import Reading
from micrograd.reading.units import Line, products
from micrograd.text.derivatives import local_name
from micrograd.text.equations import Quantity
from viz.diagram.rows import Factors, Live, Rows, sum_of_products
from viz.drawing.cards import ColouredText, Row, plain
from viz.drawing.palette import GRADIENT

MOST_OTHERS = 2  # products beside a named sum
MOST_TERMS = 3  # a sum of more products is named, not spelled out


@dataclass(frozen=True)
class Upstream:
    """Makes the rows of gradients of one reading."""

    reading: Reading
    rows: Rows

    def by(self, name: str) -> str:
        """The derivative of the result by something: ∂L/∂W."""
        return f"∂{self.reading.root.result.name}/∂{name}"

    def factors(self, position: int) -> list[Factors] | None:
        """Upstream and local of each use in this sample; None where no backward pass came."""
        found: list[Factors] = []
        for use in self.reading.uses.get(position, ()):
            upstream = self.reading.gradient(use.line.position)
            if upstream is None:
                return None
            found.append((self.of(use.line.position), self.slope(use.line, use.quantity)))
        return found

    def of(self, position: int, name: str = "") -> Quantity:
        """The gradient of the result by a node, which a backward pass has reached."""
        value = self.reading.gradient(position)
        return Quantity(name, value or 0.0, source=("gradient", position))

    def slope(self, line: Line, by: Quantity, name: str = "") -> Quantity:
        """The local derivative of a line by one of its quantities."""
        value = float(line.local(by))
        said = name or self.slope_name(line, by, by.name)
        return Quantity(said, value, source=("slope", line, by))

    def slope_name(self, line: Line, by: Quantity, name: str) -> str:
        """∂h/∂x; with a mark where the same letters mean the derivative along all paths."""
        direct = by.tag in line.direct
        return local_name(line.result.name, name, direct, self.rows.language)

    def small_print(self, position: int) -> tuple[ColouredText, ...]:
        """Small print: where a gradient comes from, as products that are added."""
        gradient = self.reading.gradient(position)
        factors = self.factors(position)
        if gradient is None or not factors:
            return ()
        shown = self.rows.number(gradient)
        hidden = len(self.reading.hidden_uses(position)) if self.reading.sample.count > 1 else 0
        if hidden:
            share = float(sum_of_products(factors))
            said = self.rows.number(share)
            text = self.rows.say("Σ over {n} samples", n=self.reading.sample.count)
            if len(factors) > MOST_TERMS:
                return plain(GRADIENT, text)
            pieces = self.rows.products(factors, said)
            whose = plain(GRADIENT, f"{text}; {self.rows.say('this one')}: ")
            return (*whose, *pieces[1:], *plain(GRADIENT, f" = {said}"))
        if len(factors) > MOST_TERMS:
            return plain(GRADIENT, f"= {self._named_sum(position)}")
        return self.rows.products(factors, shown)

    def _named_sum(self, position: int) -> str:
        """Σ ∂L/∂z2[j] × W2[j,0], and what else there is; how many uses, if that is too much."""
        uses = self.reading.uses[position]
        weights, lines, others = [], [], []
        for use in uses:
            pair = products(use.line.formula, self.reading.parameters)
            found = [p.weight for p in pair[0] if p.unit is use.quantity] if pair else []
            if len(found) == 1:
                weights.append(found[0].name)
                lines.append(use.line.result.name)
            else:
                slope = self.slope_name(use.line, use.quantity, use.quantity.name)
                others.append(f"{self.by(use.line.result.name)} × {slope}")
        w, z = (indexed(names) if names else "" for names in (weights, lines))
        if w and z and len(others) <= MOST_OTHERS:
            return " + ".join([f"Σ {self.by(z)} × {w}", *others])
        return self.rows.say("Σ over {n} uses", n=len(uses))

    def row(self, name: str, position: int, west: str, east: str) -> Row:
        """∂L/∂name, its number and where it comes from."""
        gradient = self.reading.gradient(position)
        number = self.rows.number(gradient)
        detail = self.small_print(position)
        live = self._live(name, position, bool(detail))
        return Row(name, number, west, east, detail, live=live)

    def _live(self, name: str, position: int, spelled: bool) -> Live | None:
        if self.reading.gradient(position) is None:
            return None
        result = self.of(position, name)
        factors = self.factors(position) or []
        if not spelled or not factors or len(factors) > MOST_TERMS:
            return Live(result)
        batch = self.reading.sample.count > 1 and self.reading.hidden_uses(position)
        before = ""
        if batch:
            text = self.rows.say("Σ over {n} samples", n=self.reading.sample.count)
            before = f"{text}; {self.rows.say('this one')}: "
        return Live(result, None, sum_of_products(factors), before=before)

    def through(self, name: str, above: int, slope: Quantity, position: int, west: str) -> Row:
        """The gradient before an activation: the one after it times the slope."""
        upstream, gradient = self.reading.gradient(above), self.reading.gradient(position)
        shown = self.rows.number(gradient)
        known = upstream is not None and gradient is not None
        factors = [(self.of(above), slope)]
        detail = self.rows.products(factors, shown) if known else ()
        result = self.of(position, name)
        live = Live(result, None, sum_of_products(factors) if detail else None) if known else None
        return Row(name, shown, west, "be", detail, live=live)
