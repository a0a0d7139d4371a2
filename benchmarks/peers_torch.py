"""The steps in torch, as its users write them: eager, one thread, `torch.optim`."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from workloads import ALPHA, BETAS, EPS, Floats, Peer, Workload

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


class GPT(nn.Module):
    """The example's network."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(27, 16), nn.Embedding(16, 16)
        self.lm_head = nn.Linear(16, 27, bias=False)
        self.query, self.key = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
        self.value, self.output = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
        self.fc1, self.fc2 = nn.Linear(16, 64, bias=False), nn.Linear(64, 16, bias=False)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        n = len(tokens)
        x = functional.rms_norm(self.wte(tokens) + self.wpe.weight[:n], (16,), eps=1e-5)
        normed = functional.rms_norm(x, (16,), eps=1e-5)
        q = self.query(normed).view(n, 4, 4).transpose(0, 1)
        k = self.key(normed).view(n, 4, 4).transpose(0, 1)
        v = self.value(normed).view(n, 4, 4).transpose(0, 1)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(mixed.transpose(0, 1).reshape(n, 16))
        hidden = self.fc1(functional.rms_norm(x, (16,), eps=1e-5)).relu()
        return functional.cross_entropy(self.lm_head(x + self.fc2(hidden)), targets)


def mlp(sizes: list[int]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def peer(workload: Workload) -> Peer:
    """The step of this workload."""
    model = GPT() if workload.tokens else mlp(workload.sizes)
    parameters = list(model.parameters())
    with torch.no_grad():
        for p, start in zip(parameters, workload.split(workload.start), strict=True):
            p.copy_(torch.from_numpy(start))

    if workload.tokens:
        # `fused` is the fastest of its three implementations here
        adam = torch.optim.Adam(parameters, lr=workload.lr, betas=BETAS, eps=EPS, fused=True)
        tokens = torch.tensor(workload.tokens)
        args = tokens[:-1], tokens[1:]

        def step(tokens: Tensor, targets: Tensor) -> float:
            adam.zero_grad()
            loss = model(tokens, targets)
            loss.backward()
            adam.step()
            return loss.item()
    else:
        sgd = torch.optim.SGD(parameters, lr=workload.lr)
        args = torch.from_numpy(workload.x), torch.from_numpy(workload.y[:, None])
        mse, hinge = nn.MSELoss(), workload.hinge

        def step(x: Tensor, y: Tensor) -> float:
            sgd.zero_grad()
            if hinge:
                loss = (1 - y * model(x)).relu().mean()
                loss = loss + ALPHA * sum(p.square().sum() for p in parameters)
            else:
                loss = mse(model(x), y)
            loss.backward()
            sgd.step()
            return loss.item()

    def now() -> Floats:
        return np.concatenate([p.detach().numpy().ravel() for p in parameters])

    return Peer(step, args, now)
