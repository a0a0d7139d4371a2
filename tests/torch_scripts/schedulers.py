"""Learning-rate schedules and parameter groups."""

import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, MultiStepLR, StepLR

torch.manual_seed(0)
x, y = torch.randn(5, 2), torch.randn(5, 1)
for make in (
    lambda o: StepLR(o, step_size=2, gamma=0.5),
    lambda o: ExponentialLR(o, gamma=0.9),
    lambda o: CosineAnnealingLR(o, T_max=5),
    lambda o: MultiStepLR(o, milestones=[2, 4], gamma=0.1),
    lambda o: lr_scheduler.LambdaLR(o, lr_lambda=lambda epoch: 0.95**epoch),
    lambda o: lr_scheduler.LinearLR(o, start_factor=0.5, total_iters=3),
):
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(
        [{"params": [model.weight]}, {"params": [model.bias], "lr": 0.01}], lr=0.1, momentum=0.9
    )
    scheduler = make(optimizer)
    for epoch in range(5):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(type(scheduler).__name__, scheduler.get_last_lr(), loss.item())
optimizer = optim.Adam(model.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
for loss in (1.0, 0.9, 0.95, 0.94, 0.93, 0.92):
    scheduler.step(loss)
    print(optimizer.param_groups[0]["lr"])
