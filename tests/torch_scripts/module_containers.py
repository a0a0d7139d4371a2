"""ModuleList, ModuleDict, ParameterList, apply, children, named_modules, buffers."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])])
        self.heads = nn.ModuleDict({"mean": nn.Linear(2, 1), "scale": nn.Linear(2, 1)})
        self.gains = nn.ParameterList([nn.Parameter(torch.ones(1)) for _ in range(2)])
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, x):
        for layer, gain in zip(self.layers, self.gains):
            x = F.leaky_relu(layer(x), 0.1) * gain
        self.steps += 1
        return self.scale * self.heads["mean"](x), F.softplus(self.heads["scale"](x))


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        m.bias.data.fill_(0.01)


torch.manual_seed(0)
net = Net([3, 4, 2])
net.apply(init_weights)
print(net.layers, net.heads)
x = torch.randn(2, 3)
mean, scale = net(x)
loss = (mean**2 + scale).sum()
loss.backward()
for name, p in net.named_parameters():
    print(name, tuple(p.shape), p.grad.abs().sum().item())
print([name for name, _ in net.named_children()], len(list(net.modules())), len(net.layers))
print(net.steps, [n for n, _ in net.named_buffers()])
print(next(net.parameters()).device, next(net.parameters()).shape)
for i, layer in enumerate(net.children()):
    print(i, type(layer).__name__)
