"""A small autoencoder with latent codes."""

import torch
from torch import nn, optim

torch.manual_seed(5)
data = torch.rand(8, 6)


class AutoEncoder(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 4), nn.ReLU(True), nn.Linear(4, latent_dim))
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 4), nn.ReLU(True), nn.Linear(4, 6), nn.Sigmoid()
        )

    def encode(self, x):
        return self.encoder(x)

    def forward(self, x):
        return self.decoder(self.encode(x))


model = AutoEncoder(2)
optimizer = optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-5)
criterion = nn.MSELoss()
losses = []
for epoch in range(5):
    out = model(data)
    loss = criterion(out, data)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(model)
print(["%.5f" % v for v in losses])
codes = model.encode(data).detach()
print(codes.shape, codes.min(), codes.max(), codes.requires_grad)
