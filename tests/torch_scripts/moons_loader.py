"""Two half circles with TensorDataset, DataLoader, logits and a validation split."""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(3)
n = 24
angle = torch.rand(n) * math.pi
label = (torch.arange(n) % 2).float()
x0 = torch.where(label == 0, torch.cos(angle), 1 - torch.cos(angle))
x1 = torch.where(label == 0, torch.sin(angle), 0.5 - torch.sin(angle))
X = torch.stack([x0, x1], dim=1) + 0.1 * torch.randn(n, 2)
dataset = TensorDataset(X, label.unsqueeze(1))
train_set, test_set = random_split(dataset, [18, 6])
train_loader = DataLoader(train_set, batch_size=4, shuffle=True)
test_loader = DataLoader(test_set, batch_size=6)
model = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
for epoch in range(4):
    model.train()
    total = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * xb.size(0)
    model.eval()
    with torch.no_grad():
        for xb, yb in test_loader:
            logits = model(xb)
            predicted = (torch.sigmoid(logits) > 0.5).float()
            correct = predicted.eq(yb).sum().item()
    print(f"epoch {epoch}: train {total / len(train_set):.4f}, correct {correct}/{len(test_set)}")
print(len(train_loader), len(dataset), dataset[0])
