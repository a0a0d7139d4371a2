"""BatchNorm1d in training and evaluation; dropout in evaluation; a frozen layer."""

import torch
from torch import nn

torch.manual_seed(4)
model = nn.Sequential(
    nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(p=0.5), nn.Linear(5, 2)
)
for p in model[0].parameters():
    p.requires_grad = False
print(model)
x = torch.randn(6, 3)
target = torch.tensor([0, 1, 1, 0, 1, 0])
model[3].eval()
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1)
for _ in range(3):
    loss = nn.CrossEntropyLoss()(model(x), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
print(model[1].running_mean, model[1].running_var, model[1].num_batches_tracked)
model.eval()
print(model(x[:2]))
print(model[0].weight.grad, [n for n, p in model.named_parameters() if p.requires_grad])
