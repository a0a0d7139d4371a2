"""A GRU that classifies sequences; bidirectional; GRUCell and LSTMCell beside it."""

import torch
import torch.nn as nn

torch.manual_seed(0)
x = torch.randn(3, 4, 2)
labels = torch.tensor([0, 1, 1])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 3, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(6, 2)

    def forward(self, x):
        out, h = self.gru(x)
        return self.fc(torch.cat([h[-2], h[-1]], dim=1))


model = Classifier()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
for _ in range(2):
    loss = nn.CrossEntropyLoss()(model(x), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
cell = nn.GRUCell(2, 3)
h = torch.zeros(3, 3)
for t in range(x.size(1)):
    h = cell(x[:, t], h)
print(h)
lstm = nn.LSTMCell(2, 3)
h, c = torch.zeros(3, 3), torch.zeros(3, 3)
for t in range(x.shape[1]):
    h, c = lstm(x[:, t, :], (h, c))
print(h, c)
out, (hn, cn) = nn.LSTM(2, 3, num_layers=2)(x)
print(out.shape, hn.shape, cn.shape, out[-1, 0])
h = h.detach()
