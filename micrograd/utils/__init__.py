"""`torch.utils`: of it, `data`."""

from importlib import import_module
from typing import Any

from micrograd.errors import LISTED, no_attribute

INSTEAD = {"tensorboard": "viz.curves draws losses", "checkpoint": "leave it out"}


def __getattr__(name: str) -> Any:
    if name == "data":
        return import_module("micrograd.utils.data")
    raise no_attribute("module 'micrograd.utils'", name, INSTEAD.get(name, LISTED))
