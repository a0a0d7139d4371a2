"""Every initialisation people use, after a seed."""

import torch
import torch.nn as nn

torch.manual_seed(11)
layer = nn.Linear(4, 5)
print(layer.weight)
for init in (
    nn.init.xavier_uniform_,
    nn.init.xavier_normal_,
    nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_,
    lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    lambda w: nn.init.normal_(w, mean=0.0, std=0.02),
    lambda w: nn.init.uniform_(w, -0.1, 0.1),
    lambda w: nn.init.constant_(w, 0.5),
    nn.init.ones_,
    nn.init.zeros_,
    nn.init.eye_,
):
    init(layer.weight)
    print(layer.weight.data[0], layer.weight.mean().item())
nn.init.zeros_(layer.bias)
torch.nn.init.orthogonal_(layer.weight)
w = layer.weight.detach()
print(torch.allclose(w.t() @ w, torch.eye(4), atol=1e-6))
print(nn.init.calculate_gain("relu"), nn.init.calculate_gain("tanh"))
with torch.no_grad():
    layer.weight.copy_(torch.arange(20.0).view(5, 4))
    layer.bias.fill_(1)
print(layer(torch.ones(4)))
print(nn.Embedding(3, 2).weight, nn.Conv2d(1, 1, 2).weight, nn.LayerNorm(2).weight)
