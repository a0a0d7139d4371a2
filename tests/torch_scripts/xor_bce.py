"""XOR with a sigmoid and binary cross entropy."""

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(42)
X = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float32)
y = torch.tensor([[0], [1], [1], [0]], dtype=torch.float32)


class XORNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 4)
        self.output = nn.Linear(4, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = torch.tanh(self.hidden(x))
        return self.sigmoid(self.output(x))


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = XORNet().to(device)
criterion = nn.BCELoss()
optimizer = optim.Adam(model.parameters(), lr=0.1)
for epoch in range(60):
    optimizer.zero_grad()
    output = model(X.to(device))
    loss = criterion(output, y.to(device))
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 20 == 0:
        print(f"Epoch [{epoch + 1}/60], Loss: {loss.item():.4f}")
with torch.no_grad():
    predicted = model(X).round()
    accuracy = (predicted == y).float().mean()
    print(predicted, accuracy.item())
    print(f"Accuracy: {accuracy:.2f}")
print(model)
print(loss)
