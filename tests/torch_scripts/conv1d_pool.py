"""Convolutions and pooling of all sorts on tiny arrays."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(2, 2, 6)
model = nn.Sequential(
    nn.Conv1d(2, 3, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool1d(2),
    nn.Conv1d(3, 2, 2, stride=1),
    nn.Flatten(),
    nn.Linear(4, 1),
)
out = model(x)
out.sum().backward()
print(model, out)
for p in model.parameters():
    print(p.grad.abs().sum().item())
image = torch.arange(32.0).reshape(1, 2, 4, 4) / 10
conv = nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2, bias=False)
print(conv, conv(image).shape, conv(image)[0, 0])
print(F.max_pool2d(image, 2), F.avg_pool2d(image, 2), nn.AdaptiveAvgPool2d((1, 1))(image).shape)
print(nn.MaxPool2d(3, stride=1, padding=1)(image)[0, 0], nn.AvgPool2d(2, 1)(image)[0, 1])
norm = nn.BatchNorm2d(2)
print(norm(image).mean().abs().item() < 1e-9, norm.running_mean)
print(nn.Conv2d(2, 1, 3, padding="same", dilation=1)(image).shape)
