"""Recurrent networks: cells as formulas of arrays, and layers that run them along a sequence."""

from __future__ import annotations

import math
from typing import Any

from micrograd.errors import ArgumentValueError, ShapeError
from micrograd.nn import init
from micrograd.nn.module import Module
from micrograd.nn.regularisation import dropout
from micrograd.tensors.creation import zeros
from micrograd.tensors.shapes import cat, stack
from micrograd.tensors.tensor import Tensor, tensor

ACTIVATIONS = ("tanh", "relu")


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """X Wᵀ + b."""
    y: Tensor = x @ weight.t()
    return y if bias is None else y + bias


def rnn_step(x: Tensor, h: Tensor, p: list[Any], activation: str = "tanh") -> Tensor:
    """H' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with a ReLU."""
    z = linear(x, p[0], p[2]) + linear(h, p[1], p[3])
    return getattr(z, activation)()  # type: ignore[no-any-return]


def gru_step(x: Tensor, h: Tensor, p: list[Any]) -> Tensor:
    """Reset r, update z, candidate n: h' = (1 - z) n + z h. Source: Cho and others, 2014."""
    xr, xz, xn = linear(x, p[0], p[2]).chunk(3, -1)
    hr, hz, hn = linear(h, p[1], p[3]).chunk(3, -1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return (1.0 - z) * n + z * h


def lstm_step(x: Tensor, state: tuple[Tensor, Tensor], p: list[Any]) -> tuple[Tensor, Tensor]:
    """Input i, forget f, cell g, output o: c' = f c + i g, h' = o tanh(c').

    Source: Hochreiter and Schmidhuber, 1997.
    """
    h, c = state
    i, f, g, o = (linear(x, p[0], p[2]) + linear(h, p[1], p[3])).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class _RecurrentCell(Module):
    """One step of a recurrent network; `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`."""

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        n = self.gates * hidden_size
        bound = 1 / math.sqrt(hidden_size)
        self.weight_ih = init.uniform((n, input_size), bound)
        self.weight_hh = init.uniform((n, hidden_size), bound)
        self.bias_ih = init.uniform((n,), bound) if bias else None
        self.bias_hh = init.uniform((n,), bound) if bias else None

    def _parameters_in_order(self) -> list[Any]:
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    def _start(self, x: Tensor, h: Any) -> Tensor:
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"the cell takes rows of {self.input_size} numbers, got {tuple(x.shape)}"
            )
        return zeros(*x.shape[:-1], self.hidden_size) if h is None else h

    def extra_repr(self) -> str:
        """As in torch."""
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else text + f", bias={self.bias}"


class RNNCell(_RecurrentCell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with a ReLU."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = _activation(nonlinearity)

    def forward(self, x: Any, h: Any = None) -> Tensor:
        """The next h, from rows x (N, input_size) and h (N, hidden_size), zeros if not given."""
        x = x if isinstance(x, Tensor) else tensor(x)
        return rnn_step(x, self._start(x, h), self._parameters_in_order(), self.nonlinearity)

    def extra_repr(self) -> str:
        """As in torch."""
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class GRUCell(_RecurrentCell):
    """See `gru_step`."""

    gates = 3

    def forward(self, x: Any, h: Any = None) -> Tensor:
        """The next h."""
        x = x if isinstance(x, Tensor) else tensor(x)
        return gru_step(x, self._start(x, h), self._parameters_in_order())


class LSTMCell(_RecurrentCell):
    """See `lstm_step`."""

    gates = 4

    def forward(self, x: Any, state: Any = None) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        x = x if isinstance(x, Tensor) else tensor(x)
        h, c = (None, None) if state is None else state
        return lstm_step(x, (self._start(x, h), self._start(x, c)), self._parameters_in_order())


def _activation(name: str) -> str:
    if name not in ACTIVATIONS:
        raise ArgumentValueError(f"nonlinearity must be tanh or relu, got {name!r}")
    return name


class _Recurrent(Module):
    """Runs steps along sequences, in several layers, forwards and, if wanted, backwards.

    Parameters are called `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0` and so on,
    with `_reverse` for the way back.
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first = bias, batch_first
        self.dropout, self.bidirectional = dropout, bidirectional
        self._names: list[list[str]] = []
        n, bound = self.gates * hidden_size, 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * self._ways()
            for way in range(self._ways()):
                end = f"_l{layer}" + "_reverse" * way
                shapes = {"weight_ih": (n, width), "weight_hh": (n, hidden_size)}
                if bias:
                    shapes |= {"bias_ih": (n,), "bias_hh": (n,)}  # type: ignore[dict-item]
                for name, shape in shapes.items():
                    setattr(self, name + end, init.uniform(shape, bound))
                self._names.append([name + end for name in shapes])

    def _ways(self) -> int:
        return 2 if self.bidirectional else 1

    def _step(self, x: Tensor, state: Any, p: list[Any]) -> Any:
        raise NotImplementedError

    def _output(self, state: Any) -> Tensor:
        return state  # type: ignore[no-any-return]

    def _begin(self, states: Any, k: int, samples: int) -> Any:
        return zeros(samples, self.hidden_size) if states is None else states[k]

    def _end(self, states: list[Any]) -> Any:
        return stack(states)

    def forward(self, x: Any, state: Any = None) -> Any:
        """(outputs, state): all outputs of the last layer, and the last state of every layer.

        x has the shape (L, N, input_size), or (N, L, input_size) with `batch_first`, or
        (L, input_size) for one sequence; the outputs have hidden_size instead, twice as many if
        bidirectional. `state` begins as zeros. Raises a ShapeError for other shapes.
        """
        x = x if isinstance(x, Tensor) else tensor(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"the layer takes sequences of rows of {self.input_size} numbers, got the shape "
                f"{tuple(x.shape)}"
            )
        single = x.ndim == 2
        if single:
            x, state = x.unsqueeze(1), self._batched(state)
        elif self.batch_first:
            x = x.transpose(0, 1)
        rows = list(x)
        ends = []
        for layer in range(self.num_layers):
            ways = []
            for way in range(self._ways()):
                k = layer * self._ways() + way
                outputs, last = self._run(rows[::-1] if way else rows, state, k)
                ways.append(outputs[::-1] if way else outputs)
                ends.append(last)
            rows = (
                ways[0] if len(ways) == 1 else [cat(pair, -1) for pair in zip(*ways, strict=True)]
            )
            if self.dropout and layer < self.num_layers - 1:
                rows = [dropout(row, self.dropout, self.training) for row in rows]
        outputs_, last_ = stack(rows), self._end(ends)
        if single:
            return outputs_.squeeze(1), self._unbatched(last_)
        return (outputs_.transpose(0, 1) if self.batch_first else outputs_), last_

    def _run(self, rows: list[Tensor], states: Any, k: int) -> tuple[list[Tensor], Any]:
        names = self._names[k]
        p = [getattr(self, name) for name in names] + [None] * (4 - len(names))
        state = self._begin(states, k, rows[0].shape[0])
        outputs = []
        for row in rows:
            state = self._step(row, state, p)
            outputs.append(self._output(state))
        return outputs, state

    def _batched(self, state: Any) -> Any:
        return None if state is None else state.unsqueeze(1)

    def _unbatched(self, state: Any) -> Any:
        return state.squeeze(1)

    def flatten_parameters(self) -> None:
        """Nothing; torch prepares for the GPU here."""

    def extra_repr(self) -> str:
        """As in torch."""
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" * (self.num_layers != 1)
        text += ", bias=False" * (not self.bias) + ", batch_first=True" * self.batch_first
        text += f", dropout={self.dropout}" * (self.dropout != 0)
        return text + ", bidirectional=True" * self.bidirectional


class RNN(_Recurrent):
    """Elman's: h' = tanh(W_ih x + b_ih + W_hh h + b_hh) for each row of a sequence, or a ReLU.

    See `_Recurrent.forward` for shapes.

    >>> from micrograd import nn, zeros
    >>> outputs, h = nn.RNN(3, 2, batch_first=True)(zeros(4, 5, 3))
    >>> outputs.shape, h.shape
    (torch.Size([4, 5, 2]), torch.Size([1, 4, 2]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
        bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        )
        self.nonlinearity = _activation(nonlinearity)

    def _step(self, x: Tensor, state: Any, p: list[Any]) -> Any:
        return rnn_step(x, state, p, self.nonlinearity)


class GRU(_Recurrent):
    """Gated: see `gru_step`; shapes are those of `RNN`."""

    gates = 3

    def _step(self, x: Tensor, state: Any, p: list[Any]) -> Any:
        return gru_step(x, state, p)


class LSTM(_Recurrent):
    """With a cell that remembers: see `lstm_step`; the state is a pair (h, c)."""

    gates = 4

    def _step(self, x: Tensor, state: Any, p: list[Any]) -> Any:
        return lstm_step(x, state, p)

    def _output(self, state: Any) -> Tensor:
        return state[0]  # type: ignore[no-any-return]

    def _begin(self, states: Any, k: int, samples: int) -> Any:
        h, c = (None, None) if states is None else states
        return super()._begin(h, k, samples), super()._begin(c, k, samples)

    def _end(self, states: list[Any]) -> Any:
        return stack([h for h, _ in states]), stack([c for _, c in states])

    def _batched(self, state: Any) -> Any:
        return None if state is None else tuple(part.unsqueeze(1) for part in state)

    def _unbatched(self, state: Any) -> Any:
        return tuple(part.squeeze(1) for part in state)
