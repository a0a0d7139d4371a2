"""Programs as NumPy calls."""

from micrograd.compiler.backends.numpy.execution import NumpyExecutable, load
from micrograd.compiler.backends.numpy.peephole import simplified

__all__ = ["NumpyExecutable", "load", "simplified"]
