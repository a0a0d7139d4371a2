"""NumPy in and out: features by NumPy, training by torch, metrics by NumPy."""

import numpy as np
import torch
import torch.nn as nn

np.random.seed(0)
X = np.random.rand(20, 3)
y = (X @ np.array([1.0, -2.0, 0.5]) + 0.1).reshape(-1, 1)
X_mean, X_std = X.mean(axis=0), X.std(axis=0)
X = (X - X_mean) / X_std
X_train = torch.tensor(X[:15], dtype=torch.float32)
y_train = torch.tensor(y[:15], dtype=torch.float32)
X_test, y_test = torch.from_numpy(X[15:]).float(), torch.from_numpy(y[15:]).float()
torch.manual_seed(0)
model = nn.Sequential()
model.add_module("hidden", nn.Linear(3, 4))
model.add_module("act", nn.ReLU())
model.add_module("out", nn.Linear(4, 1))
print(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
loss_list = np.zeros((6,))
for epoch in range(6):
    permutation = torch.randperm(X_train.size()[0])
    for i in range(0, X_train.size()[0], 5):
        indices = permutation[i : i + 5]
        batch_x, batch_y = X_train[indices], y_train[indices]
        optimizer.zero_grad()
        loss = nn.functional.l1_loss(model(batch_x), batch_y)
        loss.backward()
        optimizer.step()
    loss_list[epoch] = loss.item()
print(loss_list.round(5))
model.eval()
predictions = model(X_test).detach().numpy()
mse = np.mean((predictions - y_test.numpy()) ** 2)
print(f"MSE {mse:.6f}", predictions.shape, predictions.dtype == y_test.numpy().dtype)
print(np.array(model.out.bias.tolist()).round(4), np.abs(model.out.weight.detach().numpy()).max())
