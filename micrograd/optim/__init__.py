"""Optimisers with torch's names, defaults and update rules."""

from typing import Any

from micrograd.errors import LISTED, no_attribute
from micrograd.optim import lr_scheduler as lr_scheduler
from micrograd.optim.adagrad import Adagrad
from micrograd.optim.adam import Adam, AdamW
from micrograd.optim.optimizer import Optimizer, Update
from micrograd.optim.rmsprop import RMSprop
from micrograd.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "Update"]

_RULE = "a class with a `direction`, as CONTRIBUTING.md shows; or Adam"

# Of optimisers that torch has and this does not: what to use.
INSTEAD = {
    "LBFGS": "Adam, or numpy's and scipy's on compile(fn).value_and_grad",
    "Adadelta": _RULE,
    "Adamax": _RULE,
    "NAdam": _RULE,
    "RAdam": _RULE,
    "ASGD": _RULE,
    "Rprop": _RULE,
    "SparseAdam": "Adam",
    "Muon": _RULE,
}


def __getattr__(name: str) -> Any:
    raise no_attribute("module 'micrograd.optim'", name, INSTEAD.get(name, LISTED))
