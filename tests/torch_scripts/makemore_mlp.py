"""Karpathy's MLP of characters: a table C, two layers, cross_entropy, minibatches by randint."""

import torch
import torch.nn.functional as F

words = ["emma", "olivia", "ava"]
chars = sorted(list(set("".join(words))))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
block_size = 2
X, Y = [], []
for w in words:
    context = [0] * block_size
    for ch in w + ".":
        ix = stoi[ch]
        X.append(context)
        Y.append(ix)
        context = context[1:] + [ix]
X, Y = torch.tensor(X), torch.tensor(Y)
print(X.shape, X.dtype, Y.shape, Y.dtype)
g = torch.Generator().manual_seed(2147483647)
C = torch.randn((len(stoi), 2), generator=g)
W1 = torch.randn((2 * block_size, 5), generator=g)
b1 = torch.randn(5, generator=g)
W2 = torch.randn((5, len(stoi)), generator=g)
b2 = torch.randn(len(stoi), generator=g)
parameters = [C, W1, b1, W2, b2]
print(sum(p.nelement() for p in parameters))
for p in parameters:
    p.requires_grad = True
lossi = []
for i in range(6):
    ix = torch.randint(0, X.shape[0], (4,), generator=g)
    emb = C[X[ix]]
    h = torch.tanh(emb.view(-1, 2 * block_size) @ W1 + b1)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Y[ix])
    for p in parameters:
        p.grad = None
    loss.backward()
    lr = 0.1
    for p in parameters:
        p.data += -lr * p.grad
    lossi.append(loss.log10().item())
print(lossi, emb.shape, h.shape)
print(torch.tensor(lossi).view(-1, 2).mean(1))
del emb  # a copy of rows of C, which have changed since
