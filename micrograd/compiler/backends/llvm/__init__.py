"""Programs as machine code, by way of LLVM; needs the `jit` extra."""

from micrograd.compiler.backends.llvm.execution import LlvmExecutable, load, prepare

__all__ = ["LlvmExecutable", "load", "prepare"]
