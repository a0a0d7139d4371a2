"""What scripts set in `torch.backends`: accepted, and without meaning here."""

from types import SimpleNamespace

cudnn = SimpleNamespace(deterministic=True, benchmark=False, enabled=False)
mps = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
