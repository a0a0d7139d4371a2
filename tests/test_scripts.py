"""Scripts as the article writes them: with only the imports changed they print what torch prints.

They are written anew from what the article uses, not copied from it.
"""

import contextlib
import io
import re

import pytest
import torch

IMPORTS = {
    "micrograd": "import micrograd as torch\nimport micrograd.nn as nn\n"
    "import micrograd.optim as optim\n",
    "torch": "import torch\nimport torch.nn as nn\nimport torch.optim as optim\n"
    "torch.set_default_dtype(torch.float64)\n",
}

# Weights that do not come from a random number generator, because the two libraries' differ.
SAME_WEIGHTS = """
def set_weights(model):
    k = 0.0
    for name, param in model.named_parameters():
        numbers = []
        for _ in range(param.numel()):
            k += 0.7
            numbers.append(0.9 * (k % 1.3) - 0.5)
        param.data = torch.tensor(numbers).reshape(param.shape)
"""

SINGLE_STEP = """
class NeuralNetwork(nn.Module):
    def __init__(self):
        super(NeuralNetwork, self).__init__()
        self.layer1 = nn.Linear(1, 2)
        self.relu = nn.ReLU()
        self.layer2 = nn.Linear(2, 1)

    def forward(self, x):
        x = self.relu(self.layer1(x))
        x = self.layer2(x)
        return x

model = NeuralNetwork()
set_weights(model)
print(model)
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
x = torch.tensor([[2.0]])
y = torch.tensor([[4.0]])
print("Initial parameters:")
for name, param in model.named_parameters():
    print(f"{name}: {param.data}")
    print(param)
output = model(x)
loss = criterion(output, y)
print("Output:", output, output.item(), output.detach().numpy(), output.size(), x.shape)
print("Loss:", loss, loss.item(), f"{loss.item():.4f}")
optimizer.zero_grad()
loss.backward()
for name, param in model.named_parameters():
    print(f"{name} grad: {param.grad}, shape {param.shape}")
optimizer.step()
for name, param in model.named_parameters():
    print(f"{name} after: {param.data}")
print(criterion(model(x), y).item(), optimizer.param_groups[0]["lr"])
"""

VECTORISED = """
import numpy as np

class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(3, 5)
        self.layer2 = nn.Linear(5, 5)
        self.layer3 = nn.Linear(5, 3)
        self.layer4 = nn.Linear(3, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(self.layer1(x))
        x = self.relu(self.layer2(x))
        x = self.relu(self.layer3(x))
        return self.layer4(x)

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 3))
y = (X[:, 0] ** 2 + 2 * X[:, 1] - 0.5 * X[:, 2]).reshape(-1, 1)
X_train, y_train = TENSOR(X), TENSOR(y)
print(X_train[:5], y_train.mean(), X_train.sum(0), X_train.size(0), len(X_train))
model = NeuralNetwork()
set_weights(model)
criterion = nn.MSELoss()
for make in (
    lambda p: optim.SGD(p, lr=0.01),
    lambda p: optim.SGD(p, lr=0.01, momentum=0.9),
    lambda p: optim.Adagrad(p, lr=0.01),
    lambda p: optim.RMSprop(p, lr=0.001),
    lambda p: optim.Adam(p, lr=0.001),
):
    optimizer = make(model.parameters())
    for epoch in range(3):
        for start in range(0, 60, 20):
            batch_X, batch_y = X_train[start:start + 20], y_train[start:start + 20]
            optimizer.zero_grad()
            loss = criterion(model(batch_X), batch_y)
            loss.backward()
            optimizer.step()
        print(f"Epoch {epoch + 1}, Loss: {loss.item():.4f}")
    print(type(optimizer).__name__, optimizer.param_groups[0]["lr"])
for name, param in model.named_parameters():
    print(name, param.shape, param.data, param.grad)
print(model(X_train)[:4], (model(X_train) - y_train).abs().mean())
big = TENSOR(np.arange(3000.0).reshape(1000, 3) / 7)
print(big, big * 1e6, big[:2] * 1e-7)
"""


def printed(library, script):
    program = IMPORTS[library] + SAME_WEIGHTS + script.replace("TENSOR", "torch.FloatTensor"
        if library == "micrograd" else "torch.tensor")  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            exec(program, {"__name__": "__main__"})
        finally:
            torch.set_default_dtype(torch.float32)
    text = re.sub(r"torch\.Size\(\[(.*?)\]\)", r"size [\1]", out.getvalue())
    if library == "micrograd":
        text = re.sub(r"(?<=[ ,])\((\d+(?:, \d+)*),?\)", r"size [\1]", text)
    return re.sub(r"grad_fn=<\w+>", "grad_fn", text)


@pytest.mark.parametrize("script", [SINGLE_STEP, VECTORISED], ids=["single step", "vectorised"])
def test_prints_what_torch_prints(script):
    assert printed("micrograd", script) == printed("torch", script)
