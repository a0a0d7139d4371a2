"""Karpathy's bigram network: one_hot, a matrix, exp and normalise, by hand."""

import torch
import torch.nn.functional as F

words = ["emma", "ava", "mia"]
chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
n = len(stoi)
N = torch.zeros((n, n), dtype=torch.int32)
xs, ys = [], []
for w in words:
    chs = ["."] + list(w) + ["."]
    for ch1, ch2 in zip(chs, chs[1:]):
        ix1, ix2 = stoi[ch1], stoi[ch2]
        N[ix1, ix2] += 1
        xs.append(ix1)
        ys.append(ix2)
P = (N + 1).float()
P /= P.sum(1, keepdim=True)
print(N.tolist(), P[0])
log_likelihood = sum(torch.log(P[a, b]) for a, b in zip(xs, ys))
print(f"{log_likelihood=}", -log_likelihood.item() / len(xs))
xs, ys = torch.tensor(xs), torch.tensor(ys)
num = xs.nelement()
g = torch.Generator().manual_seed(2147483647)
W = torch.randn((n, n), generator=g, requires_grad=True)
for k in range(5):
    xenc = F.one_hot(xs, num_classes=n).float()
    logits = xenc @ W
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdims=True)
    loss = -probs[torch.arange(num), ys].log().mean() + 0.01 * (W**2).mean()
    print(k, loss.item())
    W.grad = None
    loss.backward()
    W.data += -10 * W.grad
print("".join(itos[i] for i in probs.argmax(1).tolist()))
