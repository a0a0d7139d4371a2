"""Activations as modules and as functions, with gradients, at their edges."""

import torch
import torch.nn as nn
import torch.nn.functional as F

x = torch.tensor([-5.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 25.0], requires_grad=True)
for module in (
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.ELU(),
    nn.ELU(alpha=0.5),
    nn.SELU(),
    nn.CELU(2.0),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.SiLU(),
    nn.Mish(),
    nn.Softplus(),
    nn.Softplus(beta=2),
    nn.Softsign(),
    nn.Tanh(),
    nn.Sigmoid(),
    nn.LogSigmoid(),
    nn.Hardtanh(),
    nn.ReLU6(),
    nn.Hardsigmoid(),
    nn.Hardswish(),
    nn.Tanhshrink(),
    nn.Softmax(dim=0),
    nn.LogSoftmax(dim=0),
    nn.Identity(),
):
    y = module(x)
    x.grad = None
    (y * torch.arange(1.0, 11.0)).sum().backward()
    print(module, y.detach(), x.grad)
print(F.relu(x), F.elu(x), F.gelu(x), F.silu(x), F.softplus(x), F.leaky_relu(x, 0.3))
print(torch.relu(x), torch.sigmoid(x), torch.tanh(x), torch.softmax(x, 0), x.log_softmax(-1))
prelu = nn.PReLU()
prelu(x).sum().backward()
print(prelu, prelu.weight.grad, x.sigmoid().round(), x.abs().sqrt(), torch.logsumexp(x, 0))
