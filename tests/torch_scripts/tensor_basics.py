"""Making and changing tensors."""

import numpy as np
import torch

print(torch.zeros(2, 3), torch.ones(3, dtype=torch.long), torch.eye(2))
print(torch.arange(5), torch.arange(1, 2, 0.25), torch.linspace(0, 1, 5), torch.full((2,), 3.5))
x = torch.tensor([[1, 2, 3], [4, 5, 6]])
print(x.shape, x.size(), x.size(0), x.dim(), x.dtype, x.numel(), x.device)
print(x[0], x[:, 1], x[1, 2], x[1, 2].item(), x[-1], x[:, ::2], x[None].shape)
print(x + 10, x * 2, x / 2, x // 2, x % 2, x**2, -x)
print(x > 2, (x > 2) & (x < 5), x[x > 2], ~(x > 2), (x == 3).any(), (x > 0).all())
print(x.sum(), x.float().mean(), x.max(), x.min(), x.argmax(), x.sum(dim=0), x.cumsum(1))
print(x.view(3, 2), x.reshape(-1), x.t(), x.T.shape, x.unsqueeze(0).shape, x.permute(1, 0))
f = x.float()
print(f, f.std(), f.var(0), f.norm(), f.sqrt(), f.exp().log(), f.clamp(2, 4))
print(torch.cat([x, x]).shape, torch.cat((x, x), dim=1), torch.stack([x, x]).shape)
print(torch.max(f, dim=1), torch.sort(torch.tensor([3.0, 1.0, 2.0]), descending=True))
print(f.mm(f.t()), f @ f.T, torch.matmul(f, f[0]), torch.dot(f[0], f[1]))
y = torch.ones(5)
y.add_(1)
print(y, y.numpy(), torch.from_numpy(np.array([1.5, 2.5])))
y[1:3] = 7
y[0] = -1
y[y > 6] *= 2
print(y, y.tolist(), y.sort().values, y.unique())
z = torch.zeros(2, 2)
z[0, 1] += 3
print(z, z.bool(), z.int(), z.type(), torch.is_tensor(z), z.nonzero())
print(torch.where(f > 2, f, torch.zeros_like(f)), f.masked_fill(f > 4, 0.0))
a, b = torch.chunk(torch.arange(6), 2)
print(a, b, torch.split(torch.arange(5), 2), torch.flip(a, [0]), a.repeat(2), a.expand(2, 3))
print(torch.tensor(3.14159), torch.tensor([1e-5, 1.0]), torch.tensor([1e10, 1.0]), torch.tensor([]))
print(torch.tensor([True, False]), torch.tensor([[True], [False]]).sum(), torch.empty(0).shape)
print(f.tril(), f.triu(1), torch.outer(f[0], f[1]), torch.einsum("ij,kj->ik", f, f))
print(f"{torch.tensor(2.5):.2f}", float(torch.tensor(2.5)), int(torch.tensor(3)), len(x))
for row in x:
    print(row, row.tolist())
