"""The next point of a sine by an LSTM, its last output and a linear layer."""

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)
series = np.sin(np.arange(0, 12, 0.5)).astype(np.float32)
seq_length = 4
xs = np.array([series[i : i + seq_length] for i in range(len(series) - seq_length)])
ys = series[seq_length:]
x = torch.from_numpy(xs).unsqueeze(-1)
y = torch.from_numpy(ys).view(-1, 1)


class LSTMModel(nn.Module):
    def __init__(self, hidden_size=4):
        super().__init__()
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(1, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, 1)

    def forward(self, x):
        h0 = torch.zeros(1, x.size(0), self.hidden_size)
        c0 = torch.zeros(1, x.size(0), self.hidden_size)
        out, (hn, cn) = self.lstm(x, (h0, c0))
        return self.fc(out[:, -1, :])


model = LSTMModel()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(3):
    outputs = model(x)
    optimizer.zero_grad()
    loss = criterion(outputs, y)
    loss.backward()
    optimizer.step()
    print(f"Epoch: {epoch}, loss: {loss.item():1.5f}")
print(x.shape, outputs.shape, outputs[:3].detach().numpy().flatten().round(4).tolist())
