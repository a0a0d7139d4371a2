"""Siamese embeddings: distances, margins, masks, matrix of similarities."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)
net = nn.Sequential(nn.Linear(4, 3), nn.SiLU(), nn.Linear(3, 2))
a, b = torch.randn(5, 4), torch.randn(5, 4)
same = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0])
optimizer = torch.optim.Adagrad(net.parameters(), lr=0.05)
for step in range(3):
    za, zb = net(a), net(b)
    d = torch.norm(za - zb, dim=1)
    loss = (same * d**2 + (1 - same) * F.relu(1.0 - d) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
with torch.inference_mode():
    za, zb = F.normalize(net(a), dim=-1), F.normalize(net(b), dim=-1)
    logits = za @ zb.T / 0.5
    targets = torch.arange(5)
    print(F.cross_entropy(logits, targets), logits.argmax(1), logits.topk(2, dim=1).indices)
    mask = torch.eye(5, dtype=torch.bool)
    print(logits.masked_fill(mask, -1e9).max(dim=1).values, logits[~mask].mean())
    print((logits > 0).sum(dim=0), logits.diag().mean())
