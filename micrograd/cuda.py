"""What scripts ask `torch.cuda`: there is no GPU, and seeding it means nothing."""

from __future__ import annotations

from typing import Any

from micrograd.errors import no_attribute


def is_available() -> bool:
    """False: everything is on the CPU."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(n: Any) -> None:
    """Nothing."""


def manual_seed_all(n: Any) -> None:
    """Nothing."""


def empty_cache() -> None:
    """Nothing."""


def synchronize() -> None:
    """Nothing."""


def __getattr__(name: str) -> Any:
    raise no_attribute("module 'micrograd.cuda'", name, "ask cuda.is_available() first")
