"""The loss of `negative_log_likelihood`, in torch.

Shapes, for n samples: y (n,); a number each: q, r.

The parameters are in a file beside this one:
`model.load_state_dict(safetensors.torch.load_file("….safetensors"))`.
"""

import torch


class NegativeLogLikelihood(torch.nn.Module):
    """`forward` is the loss."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.q = torch.nn.Parameter(torch.zeros((), dtype=dtype))
        self.r = torch.nn.Parameter(torch.zeros((), dtype=dtype))

    def forward(self, y):
        """The loss: a number."""
        n = len(y)
        q, r = self.q, self.r
        m = 0.0
        p = 1.0
        total = 0.0
        for t in range(n):
            prior = p + q**2
            e = y[t] - m
            s = r**2 + prior
            k = prior / s
            m = m + e * k
            p = prior * (1 - k)
            total = total + 0.5 * (torch.log(s) + e**2 / s)
        return total
