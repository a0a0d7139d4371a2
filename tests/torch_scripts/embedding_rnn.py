"""Embedding, a two-layer RNN with batch_first, and a linear head."""

import torch

idx2char = ["e", "h", "l", "o"]
inputs = torch.LongTensor([[1, 0, 2, 2, 3]])
labels = torch.LongTensor([3, 1, 2, 3, 2])
torch.manual_seed(0)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(4, 5)
        self.rnn = torch.nn.RNN(input_size=5, hidden_size=4, num_layers=2, batch_first=True)
        self.fc = torch.nn.Linear(4, 4)

    def forward(self, x):
        hidden = torch.zeros(2, x.size(0), 4)
        x = self.emb(x)
        x, _ = self.rnn(x, hidden)
        x = self.fc(x)
        return x.view(-1, 4)


net = Model()
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
for epoch in range(4):
    optimizer.zero_grad()
    outputs = net(inputs)
    loss = criterion(outputs, labels)
    loss.backward()
    optimizer.step()
    _, idx = outputs.max(dim=1)
    idx = idx.data.numpy()
    print("Predicted: ", "".join([idx2char[x] for x in idx]), end="")
    print(", Epoch [%d/4] loss = %.3f" % (epoch + 1, loss.item()))
print(net)
print(sum(p.numel() for p in net.parameters() if p.requires_grad))
