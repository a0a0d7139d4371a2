"""A network that satisfies u' = -u, u(0) = 1: autograd.grad with create_graph."""

import torch
import torch.nn as nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
t = torch.linspace(0, 1, 6).view(-1, 1).requires_grad_(True)
t0 = torch.zeros(1, 1)
for i in range(4):
    optimizer.zero_grad()
    u = net(t)
    du = torch.autograd.grad(u, t, grad_outputs=torch.ones_like(u), create_graph=True)[0]
    physics = torch.mean((du + u) ** 2)
    boundary = (net(t0) - 1.0).pow(2).squeeze()
    loss = physics + 10 * boundary
    loss.backward()
    optimizer.step()
    print(i, loss.item(), boundary.item())
u = net(t)
du = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
d2 = torch.autograd.grad(du.sum(), t)[0]
print(d2.shape, d2)
