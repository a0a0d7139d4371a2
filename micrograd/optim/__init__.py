"""Optimisers with torch's names, defaults and update rules."""

from micrograd.optim.optimizer import Optimizer, Update
from micrograd.optim.sgd import SGD

__all__ = ["SGD", "Optimizer", "Update"]
