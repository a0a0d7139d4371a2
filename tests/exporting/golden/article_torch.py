"""The loss of `loss`, in torch.

Shapes, for n samples: x (n, 3), y (n,), W1 (5, 3), b1 (5,), W2 (5, 5), b2 (5,), W3 (3,
5), b3 (3,), W4 (3,); a number each: b4.

The parameters are in a file beside this one:
`model.load_state_dict(safetensors.torch.load_file("….safetensors"))`.
"""

import torch


class Loss(torch.nn.Module):
    """`forward` is the loss."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.W1 = torch.nn.Parameter(torch.zeros(5, 3, dtype=dtype))
        self.b1 = torch.nn.Parameter(torch.zeros(5, dtype=dtype))
        self.W2 = torch.nn.Parameter(torch.zeros(5, 5, dtype=dtype))
        self.b2 = torch.nn.Parameter(torch.zeros(5, dtype=dtype))
        self.W3 = torch.nn.Parameter(torch.zeros(3, 5, dtype=dtype))
        self.b3 = torch.nn.Parameter(torch.zeros(3, dtype=dtype))
        self.W4 = torch.nn.Parameter(torch.zeros(3, dtype=dtype))
        self.b4 = torch.nn.Parameter(torch.zeros((), dtype=dtype))

    def forward(self, x, y):
        """The loss: a number."""
        n = len(x)
        W1, b1 = self.W1, self.b1
        W2, b2 = self.W2, self.b2
        W3, b3 = self.W3, self.b3
        W4, b4 = self.W4, self.b4
        H1 = torch.relu(x @ W1.T + b1)  # (n, 5)
        H2 = torch.relu(H1 @ W2.T + b2)  # (n, 5)
        H3 = torch.relu(H2 @ W3.T + b3)  # (n, 3)
        H4 = H3 @ W4 + b4 - y  # (n,)
        L = torch.sum(H4**2) / n
        return L
