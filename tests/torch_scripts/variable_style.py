"""As people wrote in 2017: Variable, size_average, .data, volatile loops."""

import torch
import torch.nn.functional as F
from torch.autograd import Variable

x_data = Variable(torch.Tensor([[1.0], [2.0], [3.0], [4.0]]))
y_data = Variable(torch.Tensor([[0.0], [0.0], [1.0], [1.0]]))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, x):
        return F.sigmoid(self.linear(x))


torch.manual_seed(0)
model = Model()
criterion = torch.nn.BCELoss(reduction="mean")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(8):
    y_pred = model(x_data)
    loss = criterion(y_pred, y_data)
    if epoch % 4 == 0:
        print(epoch, loss.data.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
hour_var = Variable(torch.Tensor([[1.0]]))
print("predict 1 hour", 1.0, model(hour_var).data[0][0] > 0.5)
hour_var = torch.Tensor([[7.0]])
print("predict 7 hours", model(hour_var).data[0][0].item() > 0.5)
