"""`gradcheck` and `gradgradcheck` of functions of arrays, by their elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from micrograd import checks
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, GradcheckError
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor


def gradcheck(
    fn: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare the gradient of `fn(*inputs)` with central differences.

    True if every derivative `d` and its estimate `e = (fn(x + eps) - fn(x - eps)) / (2 eps)` have
    |d - e| <= atol + rtol |e|; otherwise a GradcheckError that names the input and both numbers.
    Inputs are Values, numbers or arrays, of which those that require gradients are checked, each
    element by itself; so is each element of what `fn` returns, an array or several. Names, defaults
    and meaning are those of `torch.autograd.gradcheck`.

    >>> gradcheck(lambda x, y: x * y.sin(), [Value(2.0), Value(0.5)])
    True
    >>> gradcheck(lambda x: (x @ x).tanh(), Tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True))
    True
    """
    given = _several(inputs)
    if not _of_arrays(given):
        return checks.gradcheck(fn, given, eps, atol, rtol)
    for name, f, numbers in _scalar_functions(fn, given):
        _named(name, partial(checks.gradcheck, f, numbers, eps, atol, rtol))
    return True


def gradgradcheck(
    fn: Callable[..., Any],
    inputs: Any,
    grad_output: float | None = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare second derivatives of `fn(*inputs)` with central differences of the first ones.

    `gradcheck` of each `grad_output * grad(fn(*inputs))`, by the inputs and by `grad_output` (1 if
    it is not given); the same inputs and error. Names, defaults and meaning are those of
    `torch.autograd.gradgradcheck`.

    >>> gradgradcheck(lambda x, y: x * y.sin(), [Value(2.0), Value(0.5)])
    True
    """
    given = _several(inputs)
    if not _of_arrays(given):
        return checks.gradgradcheck(fn, given, grad_output, eps, atol, rtol)
    for name, f, numbers in _scalar_functions(fn, given):
        _named(name, partial(checks.gradgradcheck, f, numbers, grad_output, eps, atol, rtol))
    return True


def _several(inputs: Any) -> list[Any]:
    return [inputs] if isinstance(inputs, Tensor | Value) else list(inputs)


def _of_arrays(given: Sequence[Any]) -> bool:
    return any(isinstance(x, Tensor) for x in given)


def _scalar_functions(
    fn: Callable[..., Any], given: Sequence[Any]
) -> Iterator[tuple[str, Callable[..., Value], list[float]]]:
    """A function of Values for each element of the result, and the numbers to check it at."""
    checked = [not isinstance(x, Tensor) or x.requires_grad for x in given]
    sizes = [x.numel() if isinstance(x, Tensor) else 1 for x in given]
    numbers = [
        float(v)
        for x, wanted in zip(given, checked, strict=True)
        if wanted
        for v in (x.numpy().ravel() if isinstance(x, Tensor) else [x])
    ]
    if not numbers:
        raise ArgumentTypeError("inputs must hold one that requires a gradient")

    def results(values: Sequence[Value]) -> list[Value]:
        left = iter(values)
        arguments = []
        for x, wanted, size in zip(given, checked, sizes, strict=True):
            own = [next(left) for _ in range(size)] if wanted else []
            made = Tensor(filled(tuple(x.shape), own), True) if own and _of_arrays([x]) else None
            arguments.append(made if made is not None else own[0] if own else x)
        return list(_elements(fn(*arguments)))

    for k in range(len(results([Value(x) for x in numbers]))):
        yield f"of element {k} of the result", lambda *xs, k=k: results(xs)[k], numbers


def _elements(result: Any) -> Iterator[Value]:
    for part in result if isinstance(result, tuple | list) else [result]:
        if isinstance(part, Tensor):
            yield from part._values.flat
        elif isinstance(part, Value):
            yield part
        else:
            raise ArgumentTypeError(
                f"fn must return an array or a Value, got {type(part).__name__}"
            )


def _named(name: str, check: Callable[[], bool]) -> None:
    try:
        check()
    except GradcheckError as error:
        raise GradcheckError(f"{name}, with all elements of the inputs in order: {error}") from None
