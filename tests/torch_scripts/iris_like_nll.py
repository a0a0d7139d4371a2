"""Three clusters: log-softmax and negative log-likelihood, batches by slices, argmax."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

rng = np.random.default_rng(0)
centres = np.array([[0, 0, 1, 0], [2, 1, 0, 1], [0, 2, 2, -1]])
data = np.concatenate([c + 0.5 * rng.standard_normal((10, 4)) for c in centres])
labels = np.repeat([0, 1, 2], 10)
order = rng.permutation(30)
X = torch.tensor(data[order], dtype=torch.float32)
y = torch.tensor(labels[order], dtype=torch.long)


class Multiclass(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.act = nn.ReLU()
        self.output = nn.Linear(8, 3)
        self.logsoftmax = nn.LogSoftmax(dim=1)

    def forward(self, x):
        x = self.act(self.hidden(x))
        return self.logsoftmax(self.output(x))


torch.manual_seed(1)
model = Multiclass()
loss_fn = nn.NLLLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
batch_size = 5
batch_start = torch.arange(0, len(X), batch_size)
for epoch in range(3):
    for start in batch_start:
        X_batch = X[start : start + batch_size]
        y_batch = y[start : start + batch_size]
        loss = loss_fn(model(X_batch), y_batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, round(loss.item(), 6))
y_pred = model(X)
acc = (torch.argmax(y_pred, 1) == y).float().mean()
print("Accuracy: %.2f" % acc)
_, predicted = torch.max(y_pred.data, 1)
print(predicted[:10], (predicted == y).sum().item(), y.size(0))
print(torch.bincount(y), y.dtype, X.dtype)
