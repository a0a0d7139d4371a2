"""The first pages of every tutorial: grad, grad_fn, backward with a vector, no_grad, detach."""

import torch

x = torch.ones(2, 2, requires_grad=True)
print(x)
y = x + 2
print(y, y.requires_grad)
z = y * y * 3
out = z.mean()
print(z, out)
out.backward()
print(x.grad)
a = torch.randn(2, 2)
a = (a * 3) / (a - 1)
print(a.requires_grad)
a.requires_grad_(True)
b = (a * a).sum()
print(b.requires_grad, b.grad_fn.name())
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x * 2
while y.data.norm() < 100:
    y = y * 2
print(y)
v = torch.tensor([0.1, 1.0, 0.0001])
y.backward(v)
print(x.grad)
print((x**2).requires_grad)
with torch.no_grad():
    print((x**2).requires_grad)
y = x.detach()
print(y.requires_grad, x.eq(y).all())
weights = torch.ones(4, requires_grad=True)
for epoch in range(2):
    model_output = (weights * 3).sum()
    model_output.backward()
    print(weights.grad)
    weights.grad.zero_()


@torch.no_grad()
def doubled(v):
    return v * 2


print(doubled(x), doubled(x).requires_grad)
p = torch.tensor(3.0, requires_grad=True)
q = p**3 + 2 * p
q.backward(retain_graph=True)
print(p.grad)
q.backward()
print(p.grad)
