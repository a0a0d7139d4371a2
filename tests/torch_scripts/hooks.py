"""Hooks on tensors and on modules."""

import torch
import torch.nn as nn

torch.manual_seed(0)
seen = {}
model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))


def keep(name):
    def hook(module, inputs, output):
        seen[name] = output.detach()

    return hook


handles = [layer.register_forward_hook(keep(str(i))) for i, layer in enumerate(model)]
x = torch.randn(4, 2)
model(x)
print({k: tuple(v.shape) for k, v in seen.items()}, seen["1"])
for h in handles:
    h.remove()
seen.clear()
model(x)
print(seen)
w = torch.tensor([1.0, -2.0], requires_grad=True)
h = w.register_hook(lambda grad: grad * 10)
(w**2).sum().backward()
print(w.grad)
h.remove()
(w**2).sum().backward()
print(w.grad)
v = torch.tensor(3.0, requires_grad=True)
u = v * 2
u.register_hook(lambda grad: print("gradient of u:", grad))
(u**2).backward()
print(v.grad)
