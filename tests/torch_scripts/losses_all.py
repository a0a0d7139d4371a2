"""The losses people use, in all reductions."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(4, 3, requires_grad=True)
y = torch.randn(4, 3)
p = torch.sigmoid(x)
classes = torch.tensor([0, 2, 1, 2])
for loss in (
    nn.MSELoss(),
    nn.L1Loss(),
    nn.SmoothL1Loss(),
    nn.SmoothL1Loss(beta=0.5),
    nn.HuberLoss(delta=0.7),
    nn.MSELoss(reduction="sum"),
    nn.L1Loss(reduction="none"),
):
    out = loss(x, y)
    print(loss, out)
    x.grad = None
    out.sum().backward()
    print(x.grad)
for target in (torch.zeros(4, 3), (y > 0).float()):
    print(nn.BCELoss()(torch.sigmoid(x), target), nn.BCEWithLogitsLoss()(x, target))
    print(F.binary_cross_entropy_with_logits(x, target, pos_weight=torch.tensor([2.0, 1.0, 3.0])))
print(
    nn.CrossEntropyLoss()(x, classes), nn.CrossEntropyLoss(label_smoothing=0.1)(x, classes).item()
)
print(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))(x, classes))
print(nn.CrossEntropyLoss(ignore_index=2)(x, classes), F.cross_entropy(x, F.softmax(y, 1)).item())
print(F.nll_loss(F.log_softmax(x, dim=1), classes), nn.NLLLoss(reduction="sum")(x, classes))
print(F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction="batchmean"))
print(nn.KLDivLoss(reduction="sum")(F.log_softmax(x, 1), F.softmax(y, 1)))
print(F.cosine_similarity(x, y).detach(), F.pairwise_distance(x.detach(), y))
print(F.normalize(x, dim=1))
x.grad = None
nn.CrossEntropyLoss()(x, classes).backward()
print(x.grad)
