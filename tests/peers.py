"""Networks with random sizes, parameters and data, and the same network and step in torch."""

from __future__ import annotations

import random

import torch
from torch import nn as tnn

from micrograd import optim, record_step
from micrograd.article import networks as article

TORCH_ACTIVATIONS = {
    "relu": tnn.ReLU,
    "leaky_relu": tnn.LeakyReLU,
    "tanh": tnn.Tanh,
    "sigmoid": tnn.Sigmoid,
    "softplus": tnn.Softplus,
}
TORCH_LOSSES = {"mse": tnn.MSELoss, "l1": tnn.L1Loss}


class Case:
    """One random network with a batch, a loss and a learning rate."""

    def __init__(self, seed, sizes=None, samples=None):
        rng = random.Random(seed)
        self.sizes = sizes or [rng.randint(1, 4) for _ in range(rng.randint(2, 5))]
        self.activation = rng.choice(list(article.ACTIVATIONS))
        self.loss = rng.choice(list(article.LOSSES))
        self.lr = rng.choice([0.01, 0.1, 0.003])
        n = samples or rng.choice([1, 1, 2, 5])
        self.x = [[rng.uniform(-2, 2) for _ in range(self.sizes[0])] for _ in range(n)]
        self.y = [[rng.uniform(-2, 2) for _ in range(self.sizes[-1])] for _ in range(n)]
        self.model = article.Network(self.sizes, self.activation)
        self.state = {name: _random_like(p.shape, rng) for name, p in self.model.named_parameters()}
        self.model.load_state_dict(self.state)

    def step(self):
        """Our step; changes the model."""
        sgd = optim.SGD(self.model.parameters(), lr=self.lr)
        return record_step(self.model, article.LOSSES[self.loss](), sgd, self.x, self.y)

    def torch_step(self):
        """The same step in torch, with all that it computes: see `TorchStep`."""
        return TorchStep(self)


class TorchStep:
    """z and a of each layer with their gradients, parameters before and after, both losses."""

    def __init__(self, case):
        state = {k: torch.tensor(v, dtype=torch.float64) for k, v in case.state.items()}
        self.before = state
        self.parameters = {k: v.clone().requires_grad_() for k, v in state.items()}
        self.x = torch.tensor(case.x, dtype=torch.float64)
        self.y = torch.tensor(case.y, dtype=torch.float64)
        self.activation = TORCH_ACTIVATIONS[case.activation]()
        self.loss_function = TORCH_LOSSES[case.loss]()
        self.z, self.a = [], []
        self.output = self.forward(len(case.sizes) - 1)
        for value in self.z + self.a:
            value.retain_grad()
        self.loss = self.loss_function(self.output, self.y)
        self.loss.backward()
        self.gradients = {k: v.grad.clone() for k, v in self.parameters.items()}
        self.z_gradients = [z.grad for z in self.z]
        self.a_gradients = [a.grad for a in self.a]
        torch.optim.SGD(self.parameters.values(), lr=case.lr).step()
        self.output_after = self.forward(len(case.sizes) - 1)
        self.loss_after = self.loss_function(self.output_after, self.y)
        self.after = {k: v.detach() for k, v in self.parameters.items()}
        self.z = [z.detach() for z in self.z]
        self.a = [a.detach() for a in self.a]
        self.loss = self.loss.detach()

    def forward(self, depth):
        self.z, self.a = ([], []) if not self.z else (self.z, self.a)
        first = not self.z
        value = self.x
        for k in range(1, depth + 1):
            weight, bias = (self.parameters[f"layer{k}.{name}"] for name in ("weight", "bias"))
            z = value @ weight.T + bias
            value = self.activation(z) if k < depth else z
            if first:
                self.z.append(z)
                self.a.append(value)
        return value


def _random_like(shape, rng):
    if len(shape) == 1:
        return [rng.uniform(-1, 1) for _ in range(shape[0])]
    return [_random_like(shape[1:], rng) for _ in range(shape[0])]
