"""The CS231n spiral with logits, cross entropy, weight decay by hand, accuracy."""

import numpy as np
import torch
from torch import nn, optim

np.random.seed(1)
N, D, K = 8, 2, 3
X = np.zeros((N * K, D))
y = np.zeros(N * K, dtype="uint8")
for j in range(K):
    ix = range(N * j, N * (j + 1))
    r = np.linspace(0.0, 1, N)
    t = np.linspace(j * 4, (j + 1) * 4, N) + np.random.randn(N) * 0.2
    X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
    y[ix] = j
X, y = torch.tensor(X).float(), torch.tensor(y).type(torch.LongTensor)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(D, 6), nn.ReLU(), nn.Linear(6, K))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.05, betas=(0.9, 0.99), eps=1e-8)
for e in range(4):
    scores = model(X)
    data_loss = criterion(scores, y)
    reg_loss = sum(p.pow(2.0).sum() for p in model.parameters()) * 1e-3
    loss = data_loss + reg_loss
    score, predicted = torch.max(scores, 1)
    acc = (y == predicted).sum().float() / len(y)
    print("[EPOCH]: %i, [LOSS]: %.6f, [ACCURACY]: %.3f" % (e, loss.item(), acc))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(y[::4], score.detach().sum(), model[0].weight.norm().item())
