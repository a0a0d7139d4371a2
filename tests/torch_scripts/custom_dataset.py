"""A Dataset of one's own, a DataLoader, an epoch loop in functions, gradient clipping."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class LineDataset(Dataset):
    def __init__(self, n):
        self.x = torch.linspace(-1, 1, n).view(-1, 1)
        self.y = 3 * self.x + 0.5

    def __len__(self):
        return len(self.x)

    def __getitem__(self, idx):
        return self.x[idx], self.y[idx]


def train_loop(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()
        if batch % 2 == 0:
            loss, current = loss.item(), batch * 4 + len(X)
            print(f"loss: {loss:>7f}  norm: {norm:.4f}  [{current:>5d}/{size:>5d}]")


def test_loop(dataloader, model, loss_fn):
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for X, y in dataloader:
            test_loss += loss_fn(model(X), y).item()
    print(f"Avg loss: {test_loss / len(dataloader):>8f}")


torch.manual_seed(0)
dataset = LineDataset(12)
train_dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=0)
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for t in range(2):
    print(f"Epoch {t + 1}\n-------------------------------")
    train_loop(train_dataloader, model, nn.MSELoss(), optimizer)
    test_loop(DataLoader(dataset, batch_size=5), model, nn.MSELoss())
print("Done!")
x, y = next(iter(train_dataloader))
print(x.shape, y.shape)
