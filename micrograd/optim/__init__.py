"""Optimisers with torch's names, defaults and update rules."""

from micrograd.optim import lr_scheduler as lr_scheduler
from micrograd.optim.adagrad import Adagrad
from micrograd.optim.adam import Adam, AdamW
from micrograd.optim.optimizer import Optimizer, Update
from micrograd.optim.rmsprop import RMSprop
from micrograd.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "Update"]
