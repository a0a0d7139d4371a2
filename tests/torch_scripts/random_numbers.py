"""Streams of random numbers after seeds."""

import torch

torch.manual_seed(42)
print(torch.rand(3), torch.randn(2, 3), torch.randint(0, 10, (5,)), torch.randperm(6))
print(torch.randn(3), torch.randn(17)[-3:], torch.randn(1), torch.randint(5, (2, 2)))
torch.manual_seed(42)
print(torch.rand(3))
g = torch.Generator().manual_seed(7)
print(torch.randn(4, generator=g), torch.rand(2, generator=g), torch.randperm(4, generator=g))
print(torch.normal(0.0, 1.0, (3,)), torch.normal(torch.arange(3.0), torch.ones(3)))
x = torch.empty(4).uniform_(-1, 1)
print(x, torch.empty(3).normal_(2, 0.1), torch.rand_like(x), torch.randn_like(x))
state = torch.initial_seed()
print(state, torch.randint(low=3, high=9, size=(4,)), torch.rand((2, 2)))
