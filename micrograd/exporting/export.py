"""`export`: a compiled function as code that runs without micrograd."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from micrograd.errors import ArgumentValueError, CompileError
from micrograd.exporting.agreement import check
from micrograd.exporting.subject import Subject, subject_of
from micrograd.exporting.targets import TARGETS
from micrograd.exporting.written import Arrays, Written
from micrograd.training.files import write_all


class Export:
    """What `export` has written; see there."""

    def __init__(self, to: str, written: Written) -> None:
        self.to = to
        self._written = written

    @property
    def source(self) -> str:
        """The text."""
        return self._written.source

    @property
    def header(self) -> str:
        """The text of the header, of a target that has one; else nothing."""
        return self._written.header

    @property
    def parameters(self) -> Arrays:
        """The arrays of parameters, by their names in the text, as they were at the export."""
        return dict(self._written.parameters)

    def load(self) -> Callable[..., Any]:
        """The function `loss(parameters, *inputs)` of the text."""
        return self._written.loss

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write the text to `path`, and beside it what belongs to it: all files, or none.

        Returns the paths. Raises an ArgumentValueError for a path with another ending, an OSError
        if it cannot be written.
        """
        target = Path(path)
        ending = TARGETS[self.to][1]
        if target.suffix != ending:
            raise ArgumentValueError(
                f"path must end in {ending} for {self.to}, got {target.name!r}: write "
                f"{target.with_suffix(ending).name!r}"
            )
        named = self._written.files_named
        files = self._written.files if named is None else named(target.stem)
        contents = {target.stem + end: data for end, data in files.items()}
        return write_all(target.parent, contents)

    def __repr__(self) -> str:
        lines = self.source.count("\n")
        return f"<Export to {self.to}: {lines} lines, {len(self.parameters)} parameters>"


def export(what: Any, *inputs: Any, to: str = "numpy") -> Export:
    """Write a compiled function as code that runs without micrograd: `to` says in what.

    `what` is a compiled function; or a function of `inputs`, or (model, loss), with `inputs` X and
    y. Without `inputs`, it is the program that ran last. What is written is `loss(parameters,
    *inputs)`, in the names and the arrays that `f.explain()` has; `export(…).source` is the text,
    `.parameters` are its arrays, `.load()` is the function, `.save(path)` writes both.

    - "numpy": a module with the loss, the gradient matrix by matrix, and the optimiser's step
    - "jax": a pure function, for `jit`, `grad`, `vmap` and `scan`
    - "torch": a module whose `forward` is the loss, and its parameters as safetensors
    - "onnx": the forward pass, from the inputs to the loss, for onnxruntime
    - "c": a file of C99 and its `header`, with functions for the loss, the gradient and the step,
      for so many samples as there were; they are called what the file is: `net_step` of `net.c`.
      It needs a C compiler, to be compared, as the others need the library that they are for

    Before it is returned it has been run on random arguments and agreed with the eager engine:
    the loss and every derivative, to 1e-12.

    Raises a CompileError that names the line for what the target cannot express, an
    ArgumentValueError for a target that there is not.

    >>> import micrograd
    >>> w = micrograd.Value(0.5, label="w")
    >>> f = micrograd.compile(lambda x: (w * x).tanh(), backend="numpy")
    >>> value = f(2.0)
    >>> loss = export(f).load()
    >>> round(float(loss({"w": 0.5}, 2.0)), 12) == round(value, 12)
    True
    """
    if to not in TARGETS:
        names = ", ".join(map(repr, TARGETS))
        raise ArgumentValueError(f"to must be one of {names}, got {to!r}")
    subject = subject_of(what, inputs)
    return Export(to, _agreed(subject, import_module(TARGETS[to][0]).write))


def _agreed(subject: Subject, write: Callable[..., Written]) -> Written:
    """What was written and found right: as a person would write it, or else as it is here.

    That is with loops and for any number of samples; without the one, the other or both.
    """
    for free, loops in ((True, True), (False, True), (True, False)):
        written = write(subject, free, loops)
        if not (written.free_samples or written.loops):
            check(subject, written)
            return written
        try:
            check(subject, written)
        except (CompileError, LookupError, ValueError, TypeError, NameError):
            continue
        return written
    written = write(subject, False, False)
    check(subject, written)
    return written
