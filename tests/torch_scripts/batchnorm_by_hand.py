"""Karpathy's batch normalisation by hand, and its gradients compared with autograd's."""

import torch
import torch.nn.functional as F

g = torch.Generator().manual_seed(1)
n = 6
hprebn = torch.randn((n, 3), generator=g, requires_grad=True)
bngain = torch.randn((1, 3), generator=g) * 0.1 + 1.0
bnbias = torch.randn((1, 3), generator=g) * 0.1
Yb = torch.randint(0, 3, (n,), generator=g)
for p in (bngain, bnbias):
    p.requires_grad = True
bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
bndiff = hprebn - bnmeani
bndiff2 = bndiff**2
bnvar = 1 / (n - 1) * (bndiff2).sum(0, keepdim=True)
bnvar_inv = (bnvar + 1e-5) ** -0.5
bnraw = bndiff * bnvar_inv
hpreact = bngain * bnraw + bnbias
logit_maxes = hpreact.max(1, keepdim=True).values
norm_logits = hpreact - logit_maxes
counts = norm_logits.exp()
counts_sum_inv = counts.sum(1, keepdims=True) ** -1
probs = counts * counts_sum_inv
logprobs = probs.log()
loss = -logprobs[range(n), Yb].mean()
for t in (logprobs, probs, counts, hpreact, bnraw, bnvar):
    t.retain_grad()
loss.backward()


def cmp(s, dt, t):
    ex = torch.all(torch.isclose(dt, t.grad, rtol=0, atol=1e-12)).item()
    app = torch.allclose(dt, t.grad)
    maxdiff = (dt - t.grad).abs().max().item() < 1e-12
    print(f"{s:15s} | exact: {ex!s:5s} | approximate: {app!s:5s} | small: {maxdiff}")


dlogprobs = torch.zeros_like(logprobs)
dlogprobs[range(n), Yb] = -1.0 / n
dhpreact = F.softmax(hpreact, 1)
dhpreact[range(n), Yb] -= 1
dhpreact /= n
dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
dhprebn = (
    bngain
    * bnvar_inv
    / n
    * (n * dhpreact - dhpreact.sum(0) - n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0))
)
cmp("logprobs", dlogprobs, logprobs)
cmp("hpreact", dhpreact, hpreact)
cmp("bngain", dbngain, bngain)
cmp("hprebn", dhprebn, hprebn)
print(loss.item(), hpreact.detach().std(0), hpreact.detach().var(0, unbiased=False))
