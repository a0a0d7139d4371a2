"""Fits a mixture by gradient descent: broadcasting, logsumexp, softmax of parameters."""

import math

import torch

torch.manual_seed(0)
data = torch.cat([torch.randn(8) - 3, torch.randn(8) * 0.5 + 2])
means = torch.tensor([-1.0, 1.0], requires_grad=True)
log_scales = torch.zeros(2, requires_grad=True)
logits = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.Adam([means, log_scales, logits], lr=0.1)
for step in range(5):
    scales = log_scales.exp()
    z = (data.unsqueeze(1) - means) / scales
    log_prob = -0.5 * z**2 - log_scales - 0.5 * math.log(2 * math.pi)
    nll = -torch.logsumexp(log_prob + torch.log_softmax(logits, 0), dim=1).mean()
    optimizer.zero_grad()
    nll.backward()
    optimizer.step()
    print(f"{step}: {nll.item():.6f} {means.tolist()}")
weights = torch.softmax(logits, dim=0)
print(weights.sum().item(), weights.argmax().item(), scales)
print(data.mean(), data.median(), data.sort().values[:3], torch.topk(data, 2).values)
