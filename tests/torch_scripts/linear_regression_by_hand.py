"""A line through points: gradients by autograd, the update by hand."""

import torch

X = torch.tensor([1, 2, 3, 4], dtype=torch.float32)
Y = torch.tensor([2, 4, 6, 8], dtype=torch.float32)
w = torch.tensor(0.0, dtype=torch.float32, requires_grad=True)
b = torch.zeros(1, requires_grad=True)


def forward(x):
    return w * x + b


def loss_of(y, y_predicted):
    return ((y_predicted - y) ** 2).mean()


print(f"Prediction before training: f(5) = {forward(5).item():.3f}")
learning_rate = 0.01
for epoch in range(20):
    y_pred = forward(X)
    loss = loss_of(Y, y_pred)
    loss.backward()
    with torch.no_grad():
        w -= learning_rate * w.grad
        b -= learning_rate * b.grad
    w.grad.zero_()
    b.grad.zero_()
    if epoch % 5 == 0:
        print(f"epoch {epoch + 1}: w = {w:.3f}, loss = {loss:.8f}")
print(w, b, w.grad, w.is_leaf, loss.is_leaf)
print(loss.grad_fn is not None, w.grad_fn)
