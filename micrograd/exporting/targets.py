"""What a function can be written as: the module whose `write(subject)` does, and a file's ending.

A module of its own, so that the command line knows the names without loading the compiler.
"""

TARGETS = {
    "numpy": ("micrograd.exporting.numpy_target", ".py"),
    "jax": ("micrograd.exporting.jax_target", ".py"),
    "torch": ("micrograd.exporting.torch_target", ".py"),
    "onnx": ("micrograd.exporting.onnx_target", ".onnx"),
    "c": ("micrograd.exporting.c.target", ".c"),
}
