"""What writing through views, slices and .data does."""

import torch

a = torch.zeros(3, 3)
row = a[0]
row += 1
a[:, 2] = torch.tensor([7.0, 8.0, 9.0])
a[1:, :2] *= 2
a.view(-1)[4] = 5
print(a, row, a.t()[2])
b = a.clone()
b[0, 0] = 100
c = a.detach()
c[2, 0] = -1
print(a, b[0], c is a)
w = torch.ones(3, requires_grad=True)
try:
    w += 1
except RuntimeError:
    print("a leaf that requires grad")
with torch.no_grad():
    w += 1
    w[0] = 10
    w.mul_(2)
print(w, w.requires_grad, w.is_leaf)
v = w * 2
v[1] = 0
v += 1
v.sum().backward()
print(v, w.grad)
w.grad *= 0.5
w.grad[0] = 7
print(w.grad)
w.data.clamp_(max=5)
w.data = w.data - 1
print(w)
old = w.detach().clone()
w.data.add_(torch.ones(3), alpha=0.5)
print(w - old, w.data.norm())
x = torch.arange(6).reshape(2, 3)
x[x % 2 == 0] = 0
x[:, 1] += 10
print(x, x.sum(1, keepdim=True), x[[1, 0]], x[torch.tensor([0, 1]), torch.tensor([1, 2])])
y = torch.empty(2, 2).fill_(3).sub_(1).div_(4).pow_(2)
print(y, y.zero_(), torch.ones(2).copy_(torch.tensor([4, 5])))
try:
    torch.zeros(2, 3) + torch.zeros(2)
except RuntimeError:
    print("shapes do not broadcast")
try:
    torch.zeros(2).view(3)
except RuntimeError:
    print("no such view")
try:
    torch.zeros(2, 3) @ torch.zeros(2, 3)
except RuntimeError:
    print("shapes do not multiply")
try:
    torch.zeros(2)[5]
except IndexError:
    print("no such element")
try:
    (w * 2).backward()
except RuntimeError:
    print("not a scalar")
try:
    torch.zeros(2).sum().backward()
except RuntimeError:
    print("nothing requires grad")
try:
    bool(torch.zeros(2) > 0)
except RuntimeError:
    print("ambiguous")
