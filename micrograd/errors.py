"""What the library raises on purpose: a `MicrogradError` that is also the built-in it resembles."""

from __future__ import annotations


class MicrogradError(Exception):
    """Base of every error that the library raises on purpose."""


class ArgumentTypeError(MicrogradError, TypeError):
    """An argument has the wrong type; the text names it, what it got and what it wanted."""


class ArgumentValueError(MicrogradError, ValueError):
    """An argument has the right type and a value that cannot be used."""


class ShapeError(ArgumentValueError, RuntimeError):
    """Shapes that do not fit; torch raises a RuntimeError for them."""


class ArgumentRuntimeError(ArgumentTypeError, RuntimeError):
    """Numbers of the wrong kind; torch raises a RuntimeError for them."""


class ArgumentIndexError(ArgumentValueError, IndexError):
    """An element that there is not."""


class OneElementError(ArgumentValueError, RuntimeError):
    """An array of several elements where one is needed."""


class GraphError(MicrogradError, RuntimeError):
    """A graph cannot be used as asked: a node without a derivative, a loss with no parameters."""


class AnomalyError(MicrogradError, FloatingPointError):
    """A nan or an infinity appeared while `detect_anomaly` was on."""


class GradcheckError(MicrogradError, AssertionError):
    """A gradient disagrees with central differences."""


class CompileError(MicrogradError, RuntimeError):
    """A program cannot be compiled faithfully; the text gives the reason and the user's line."""


class TrainingError(MicrogradError, FloatingPointError):
    """Training cannot go on: the loss is no longer a finite number."""


class LayoutError(MicrogradError, RuntimeError):
    """No layout engine could draw the picture; the text says what to install or what failed."""


class GraphWarning(UserWarning):
    """A number was taken out of the graph where that was hardly meant."""


class CompileWarning(UserWarning):
    """A function is compiled again and again: that takes longer than running it."""


class FontWarning(UserWarning):
    """A raster or PDF picture holds characters for which the machine has no font."""


LISTED = "docs/torch.md lists what there is, by torch's names"


def no_attribute(of: str, name: str, advice: str = LISTED) -> AttributeError:
    """The error about a name that is not here: what to use instead, and no guess of Python's."""
    # With an object that has no such names, Python finds none that are similar.
    return AttributeError(f"{of} has no attribute {name!r}: {advice}", name=name, obj=None)
