"""State dicts, saved and loaded; a checkpoint with the optimiser."""

import os
import tempfile

import torch
import torch.nn as nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
x, y = torch.randn(4, 2), torch.randn(4, 1)
for _ in range(2):
    loss = nn.MSELoss()(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
for name, values in model.state_dict().items():
    print(name, "\t", values.size())
print(model.state_dict()["0.bias"])
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.pth")
    torch.save(model.state_dict(), path)
    twin = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    twin.load_state_dict(torch.load(path))
    twin.eval()
    with torch.no_grad():
        print(torch.equal(twin(x), model(x)), torch.allclose(twin(x), model(x)))
    checkpoint = {
        "epoch": 2,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": loss.item(),
    }
    torch.save(checkpoint, os.path.join(folder, "checkpoint.pt"))
    loaded = torch.load(os.path.join(folder, "checkpoint.pt"), weights_only=True)
    other = torch.optim.Adam(twin.parameters(), lr=0.5)
    other.load_state_dict(loaded["optimizer_state_dict"])
    print(loaded["epoch"], loaded["loss"], other.param_groups[0]["lr"])
