"""Gradient descent on scalars, and second derivatives."""

import torch

x = torch.tensor(5.0, requires_grad=True)
history = []
for i in range(10):
    y = (x - 2) ** 4 + x**2
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    with torch.no_grad():
        x -= g / h
    history.append(round(x.item(), 8))
print(history)
x = torch.tensor([1.0, 2.0], requires_grad=True)
f = x[0] ** 2 * x[1] + x.prod().sin()
grads = torch.autograd.grad(f, x, create_graph=True)[0]
rows = [torch.autograd.grad(g, x, retain_graph=True)[0] for g in grads]
print(f, grads.detach(), torch.stack(rows))
a = torch.tensor(2.0, requires_grad=True)
b = torch.tensor(3.0, requires_grad=True)
L = a * b + b.exp() / a - (a / b).log() + torch.sqrt(a + b) ** 3
L.backward()
print(a.grad, b.grad, L.item())
print(torch.autograd.grad((a * 3).sum(), [a, b], allow_unused=True))
