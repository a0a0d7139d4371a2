"""`compile`: a scalar function as array kernels, one program for each shape of its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, overload

from micrograd.compiler.compiled import Compiled
from micrograd.compiler.methods import OfClass
from micrograd.engine import Value
from micrograd.optim.optimizer import Optimizer
from micrograd.tensors.tensor import Tensor

Returned = Value | Tensor | float  # by a function that is compiled: the loss


class Decorator(Protocol):
    """What `compile` is without a function: it takes one."""

    @overload
    def __call__(self, fn: Callable[..., Returned], /) -> Compiled[float]: ...
    @overload
    def __call__(
        self, fn: Callable[..., tuple[Returned, Any]], /
    ) -> Compiled[tuple[float, Any]]: ...


@overload
def compile(  # noqa: A001  (the name of the contract)
    fn: None = None, *, parameters: Sequence[Any] | None = ..., optimizer: Optimizer | None = ...,
    batch: bool = ..., backend: str = ..., dtype: str = ..., exact: bool = ...,
    threads: int = ...,
) -> Decorator: ...  # fmt: skip
@overload
def compile(  # noqa: A001
    fn: Callable[..., Returned], *, parameters: Sequence[Any] | None = ...,
    optimizer: Optimizer | None = ..., batch: bool = ..., backend: str = ...,
    dtype: str = ..., exact: bool = ..., threads: int = ...,
) -> Compiled[float]: ...  # fmt: skip
@overload
def compile(  # noqa: A001
    fn: Callable[..., tuple[Returned, Any]], *, parameters: Sequence[Any] | None = ...,
    optimizer: Optimizer | None = ..., batch: bool = ..., backend: str = ...,
    dtype: str = ..., exact: bool = ..., threads: int = ...,
) -> Compiled[tuple[float, Any]]: ...  # fmt: skip
def compile(  # noqa: A001
    fn: Callable[..., Any] | None = None,
    *,
    parameters: Sequence[Any] | None = None,
    optimizer: Optimizer | None = None,
    batch: bool = False,
    backend: str = "auto",
    dtype: str = "float64",
    exact: bool = False,
    threads: int = 1,
) -> Any:
    """Compile a scalar function to array kernels; also a decorator.

    `fn` is plain scalar Python over Values and returns the loss, or a tuple of the loss and
    whatever else is of interest, which comes back as numbers. Its arguments are run-time inputs:
    floats, ints (which may index lists), nested lists or arrays of them. It is traced once for each
    shape of its arguments. The result is called like `fn` and gives numbers:

    - `f(*inputs)`: the loss; `f.value_and_grad(*inputs)`: the loss and the gradient, an array in
      the order of `f.parameters`
    - `f.step(*inputs)`: the loss, and then one update by `optimizer`
    - `f.explain()`: what was recovered; `f.source`: the text that runs,
      with a comment where each kernel of `explain` begins

    `parameters` defaults to those of the optimiser, in its order; without one to those of a model,
    if `fn` is one or a method of one, and every other leaf that existed before the call, in the
    order in which the trace meets them. With `batch`, `fn` is for one sample, the leading axis of
    every argument is the batch, and results are means over it. `backend` is "llvm" (needs the extra
    `jit`), "numpy", or "auto": LLVM where it is installed. `dtype` is "float64" or "float32".
    With `threads` above 1, LLVM shares the samples out to so many threads where there is enough to
    do (from about half a millisecond a step); a number of threads gives the same bits in every run,
    another number others, as sums are added up otherwise. NumPy takes it, and runs in one.

    Results agree with the eager ones to 1e-12 of the sum of absolute terms, because sums are
    reordered; a result that is not finite is computed again eagerly, unless it is so because
    parameters or arguments are nan. `exact` keeps the order of the program, by running it as it is.

    What `fn` finds around it is part of a program: names in its closure and in globals, attributes
    of objects, entries of lists, dicts and sets, contents of arrays. When what its code can name
    has changed, the next call compiles again. Where nothing but a few floats has changed, these are
    inputs from then on, and may change at every call, unless a branch or an exponent depends on
    them; what else changes at every call should be an argument.
    What code reaches otherwise (an attribute whose name is put together, an object of C) is
    compared when the program is traced again: at the second call with other arguments, the 8th, the
    32nd, and so on.

    Where numbers decide what happens, both sides are part of the program, and the numbers choose at
    every call; where a side does more than compute, there is a program for each way that decisions
    go, up to 32. Flags, text and None are constants: a program for each.

    Raises a CompileError that names the line, and what to write instead, for what cannot be
    compiled faithfully: a number that leaves the graph, randomness, a hand-written `_backward`.

    >>> import micrograd
    >>> w = micrograd.Value(1.0)
    >>> f = micrograd.compile(lambda x, y: (w * x - y) ** 2, backend="numpy")
    >>> f(2.0, 5.0), f.value_and_grad(2.0, 5.0)
    (9.0, (9.0, array([-12.])))
    """
    if fn is None:
        return functools.partial(
            compile, parameters=parameters, optimizer=optimizer, batch=batch, backend=backend,
            dtype=dtype, exact=exact, threads=threads,
        )  # fmt: skip
    if isinstance(fn, classmethod):
        return OfClass(compile(
            fn.__func__, parameters=parameters, optimizer=optimizer, batch=batch, backend=backend,
            dtype=dtype, exact=exact, threads=threads,
        ))  # fmt: skip
    return Compiled(fn, parameters, optimizer, batch, backend, dtype, exact, threads)
