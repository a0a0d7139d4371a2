"""A target whose shape broadcasts: the warning, and the number that follows."""

import torch
import torch.nn as nn
import torch.nn.functional as F

pred = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
target = torch.tensor([1.0, 2.0, 3.0])
loss = nn.MSELoss()(pred, target)
print(loss)
loss.backward()
print(pred.grad)
print(F.l1_loss(pred, target), nn.MSELoss()(pred.squeeze(), target))
try:
    nn.BCELoss()(torch.sigmoid(pred), target)
except ValueError:
    print("BCELoss wants one shape")
try:
    nn.BCELoss()(pred, torch.ones(3, 1))
except RuntimeError:
    print("no probabilities")
try:
    nn.CrossEntropyLoss()(torch.zeros(2, 3), torch.tensor([0, 5]))
except IndexError:
    print("no such class")
try:
    nn.Linear(2, 1)(torch.zeros(3, 3))
except RuntimeError:
    print("wrong width")
try:
    nn.Embedding(3, 2)(torch.tensor([3]))
except IndexError:
    print("no such row")
