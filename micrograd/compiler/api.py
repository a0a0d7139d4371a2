"""`compile`: a scalar function as array kernels, one program for each shape of its arguments."""

from __future__ import annotations

import copy
import functools
import math
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar, overload

from micrograd import observers
from micrograd.checks import detect_anomaly
from micrograd.compiler.cache import Programs
from micrograd.compiler.codes import Floats
from micrograd.compiler.decisions import Decisions
from micrograd.compiler.explain.marked import marked_source
from micrograd.compiler.explain.naming import Given, given_names
from micrograd.compiler.explain.recovered import Recovered, recovered
from micrograd.compiler.explain.report import Report, explanation, update_of
from micrograd.compiler.explain.sequence import Passage, in_words, passages
from micrograd.compiler.fallback import eager_gradient, eager_step, eager_value
from micrograd.compiler.owed import owed
from micrograd.compiler.passes import GRADIENT, STEP, VALUE
from micrograd.compiler.runner import Runner, chosen, prepare
from micrograd.compiler.trace.eagerly import inside
from micrograd.compiler.trace.structures import ArgumentPlaces, Keywords
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.tracer import active, current, refuse
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.optim.optimizer import Optimizer, is_frozen
from micrograd.optim.state import scalars
from micrograd.tensors.tensor import Tensor

BACKENDS = ("auto", "llvm", "numpy")
DTYPES = ("float64", "float32")
MOST_THREADS = 1024


Returned = Value | Tensor | float  # by a function that is compiled: the loss
Result = TypeVar("Result", covariant=True)  # of a call: the loss, a float, or (loss, aux)


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
    parameters are nan. `exact` keeps the order of the program, by running it as it is.

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
    return Compiled(fn, parameters, optimizer, batch, backend, dtype, exact, threads)


class Compiled(Generic[Result]):
    """A compiled function; see `micrograd.compile`. A call gives a `Result`: float, or with aux."""

    def __init__(
        self,
        fn: Callable[..., Any],
        parameters: Sequence[Any] | None,
        optimizer: Optimizer | None,
        batch: bool,
        backend: str,
        dtype: str,
        exact: bool,
        threads: int = 1,
    ) -> None:
        if not callable(fn):
            raise ArgumentTypeError(f"fn must be a function, got {type(fn).__name__}")
        if backend not in BACKENDS:
            raise ArgumentValueError(f"backend must be one of {BACKENDS}, got {backend!r}")
        if dtype not in DTYPES:
            raise ArgumentValueError(f"dtype must be one of {DTYPES}, got {dtype!r}")
        if isinstance(threads, bool) or not isinstance(threads, int):
            raise ArgumentTypeError(
                f"threads must be a whole number, got {type(threads).__name__}: {threads!r:.80}; "
                "for two threads write threads=2"
            )
        if not 1 <= threads <= MOST_THREADS:
            raise ArgumentValueError(
                f"threads must be from 1 to {MOST_THREADS}, got {threads}; os.cpu_count() is how "
                "many run at the same time"
            )
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(
                f"optimizer must be one of micrograd.optim, got {type(optimizer).__name__}"
            )
        if backend == "llvm" and find_spec("llvmlite") is None:
            raise ArgumentValueError(
                "backend='llvm' needs llvmlite: pip install 'micrograd-tracer[jit]'"
            )
        functools.update_wrapper(self, fn)
        self.fn = fn
        self._optimizer = optimizer
        self._places = ArgumentPlaces(fn)
        self._lock = RLock()
        self._name = ""  # as an attribute of a class
        self.batch = batch
        self.exact = exact
        self.dtype = dtype
        self.threads = threads
        self.backend = chosen(backend)
        prepare(self.backend)
        self._explicit = None if parameters is None else _leaves(parameters)
        programs = Programs(fn, self._explicit, optimizer, batch, self.backend, dtype, threads)
        self._decisions = Decisions(programs)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled[Result]:
        """As a method: a compiled function for each object, kept in it."""
        if instance is None:
            return self
        fn = self.fn.__get__(instance, owner)
        bound: Compiled[Result] = Compiled(
            fn, self._explicit, self.optimizer, self.batch, self.backend, self.dtype, self.exact,
            self.threads,
        )  # fmt: skip
        vars(instance)[self._name] = bound
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled[Result]:
        """Of a method or an object with its parameters and optimiser; functions stay what they are.

        The copy has no programs yet.
        """
        fn = copy.deepcopy(self.fn, memo)
        given = self._explicit, self._optimizer
        if fn is not self.fn:
            given = copy.deepcopy(given, memo)
        return Compiled(fn, *given, self.batch, self.backend, self.dtype, self.exact, self.threads)

    def __reduce__(self) -> Any:
        owner, name = getattr(self.fn, "__self__", None), getattr(self.fn, "__name__", "")
        if getattr(type(owner), name, None).__class__ is Compiled:
            return getattr, (owner, name)  # made anew for the object when it is asked for
        module = sys.modules.get(getattr(self.fn, "__module__", ""))
        if getattr(module, getattr(self.fn, "__qualname__", ""), None) is self:
            return self.fn.__qualname__  # by its name, as functions are
        options = self.batch, self.backend, self.dtype, self.exact, self.threads
        return Compiled, (self.fn, self._explicit, self._optimizer, *options)

    # ---- running -------------------------------------------------------------------------------

    def __call__(self, *inputs: Any, **keywords: Any) -> Result:
        """The loss, or (loss, aux)."""
        result: Result
        if current() is not None or inside():
            result = self.fn(*inputs, **keywords)  # inside another function: part of it
            return result
        if keywords:
            inputs = self._by_position(inputs, keywords)
        with self._lock:
            if not self._is_eager():
                runner, loss = self._run(VALUE, inputs)
                if runner is not None and (loss == loss or runner.is_lost()):
                    result = runner.result(runner.loss())
                    return result
            result = eager_value(self.fn, inputs, self.batch)
            return result

    def value_and_grad(self, *inputs: Any, **keywords: Any) -> tuple[Result, Floats]:
        """The loss (or (loss, aux)) and the gradient, in the order of `parameters`."""
        self._check_outermost("value_and_grad")
        if keywords:
            inputs = self._by_position(inputs, keywords)
        with self._lock:
            if not self._is_eager():
                runner, loss = self._run(GRADIENT, inputs)
                if runner is not None and (loss == loss or runner.is_lost()):
                    gradient = runner.gradient(self._programs.parameters)
                    return runner.result(runner.loss()), gradient
            self._programs.traced(self._decisions.given(inputs))
            return eager_gradient(self.fn, inputs, self.batch, self.parameters)

    def attempt(self, *inputs: Any, **keywords: Any) -> float:
        """The loss and one step; nan, and nothing has changed, where `step` would go on eagerly."""
        self._check_outermost("attempt")
        if keywords:
            inputs = self._by_position(inputs, keywords)
        with self._lock:
            runner, loss = self._stepped(inputs)
            if runner is not None and loss == loss:
                owed.by(runner)
                runner.result(loss)
            return loss

    def step(self, *inputs: Any, **keywords: Any) -> Result:
        """The loss (or (loss, aux)) before the step, and one update of the parameters.

        Afterwards `p.grad` is the gradient that the step was made with, 0 where it did not come to
        a parameter. A step that is interrupted has changed all parameters, or none.
        """
        if keywords:
            inputs = self._by_position(inputs, keywords)
        with self._lock:
            result: Result
            runner = None
            if not (active or observers.active):
                runner = self._programs.again(STEP, self._decisions.given(inputs))
            if runner is None:
                self._check_outermost("step")
            loss: Any = math.nan if runner is None else runner.executable.step()
            if loss != loss and (runner is None or runner.missed() or runner.may_be_safer):
                runner, loss = self._stepped(inputs)
            if loss != loss and runner is not None and runner.is_lost():
                runner.update()
                loss = runner.loss()
            elif loss != loss:
                runner = None
            if runner is not None:
                if owed.now is not runner:
                    owed.by(runner)
                result = runner.result(loss) if runner.has_more else loss
            else:
                assert self.optimizer is not None
                result = eager_step(self.fn, inputs, self.batch, self.optimizer)
            return result

    def _is_eager(self) -> bool:
        """Whether every operation is run by itself: in program order, or looked at one by one."""
        return self.exact or (
            bool(observers.active) and any(isinstance(o, detect_anomaly) for o in observers.mine())
        )

    @property
    def _programs(self) -> Programs:
        return self._decisions.programs

    def _run(self, mode: str, inputs: tuple[Any, ...]) -> tuple[Runner | None, float]:
        """The program for these arguments, and the loss."""
        return self._decisions.run(
            inputs, lambda programs, given: programs.runner(mode, given), mode
        )

    def _stepped(self, inputs: tuple[Any, ...]) -> tuple[Runner | None, float]:
        """The program that makes this step, and the loss; nan if it has to be an eager one."""
        return self._decisions.run(inputs, self._step_runner, STEP)

    def _step_runner(self, programs: Programs, inputs: tuple[Any, ...]) -> Runner | None:
        """The program of a step; None if this step has to be an eager one."""
        if self.optimizer is None:
            raise ArgumentValueError("step needs an optimizer: compile(fn, optimizer=…)")
        if self._is_eager() or _has_own_step(self.optimizer) or _leaves_out(self.optimizer):
            return None
        programs.look_around()
        runner = programs.ready(STEP, inputs)
        if runner is None and programs.starts_exactly(inputs):
            runner = programs.runner(STEP, inputs)
        return programs.keep(STEP, inputs, runner)

    def _by_position(self, given: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments of a call in which some have names."""
        inputs = self._places.of(given, keywords)
        if self.batch and inputs and type(inputs[-1]) is Keywords:
            raise ArgumentTypeError(
                f"with batch=True arguments are given by position, got {', '.join(inputs[-1])}="
            )
        return inputs

    def _check_outermost(self, method: str) -> None:
        if current() is not None:
            refuse(f"a traced function calls {method} of a compiled one; call the function itself")

    # ---- what it is, and what was found ----------------------------------------------------------

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimiser of `step`; another one needs another compiled function."""
        return self._optimizer

    @property
    def parameters(self) -> list[Value]:
        """What gradients are taken by: those given, or those met so far."""
        return list(self._programs.parameters)

    @property
    def source(self) -> str:
        """The text of the program that ran last; comments number its kernels as `explain` does."""
        newest = self._programs.newest
        return "" if newest is None else marked_source(newest, self._programs.mode)

    def report(self) -> Report:
        """Figures of the program that ran last: nodes, kernels, milliseconds."""
        return Report.of(self.ran(), self._programs.mode, self.backend)

    def ran(self) -> Runner:
        """The program that ran last. Raises an ArgumentValueError if there is none."""
        if self._programs.newest is None:
            raise ArgumentValueError("nothing has been compiled yet: call the function first")
        return self._programs.newest

    def explain(self) -> str:
        """What was recovered from the scalar program that ran last, in words."""
        if self._programs.newest is None:
            return "nothing has been compiled yet: call the function first"
        unit, traced = self._programs.newest.unit, self._programs.newest.traced
        if unit.sequence is not None:
            given = self._names(traced)
            return in_words(self.report(), unit, traced, self.fn, given)
        update = update_of(self._programs.newest, self._programs.mode)
        return explanation(self.report(), self._programs.newest.program, update, self.recovered())

    def _names(self, traced: Traced) -> Given:
        """What the user calls the arguments and leaves of a trace."""
        leaves, inputs = traced.recording.parameters, traced.stand_ins.arguments
        return given_names(self.fn, leaves, self.batch, inputs)

    def passages(self) -> list[Passage] | None:
        """The loops of the program that ran last, if it is a sequence, as plain data."""
        unit, traced = self.ran().unit, self.ran().traced
        if unit.sequence is None:
            return None
        return passages(unit, traced, self.fn, self._names(traced))

    def recovered(self) -> Recovered:
        """The arrays that were found in the program that ran last, as plain data."""
        if self.exact:
            raise ArgumentValueError("with exact=True the program runs as it is: no arrays")
        unit, traced = self.ran().unit, self.ran().traced
        names = self._names(traced)
        return recovered(unit, traced, names)

    def __repr__(self) -> str:
        name = getattr(self.fn, "__qualname__", repr(self.fn))
        return f"<compiled {name}: {self.backend}, {self.dtype}, {len(self._decisions)} programs>"


def _has_own_step(optimizer: Optimizer) -> bool:
    """Whether a step of this optimiser is more than its `direction`."""
    sort = type(optimizer)
    return any(getattr(sort, n) is not getattr(Optimizer, n) for n in ("step", "updates", "apply"))


def _leaves_out(optimizer: Optimizer) -> bool:
    """Whether there are parameters that a step does not change."""
    return any(is_frozen(p) for group in optimizer.param_groups for p in group["params"])


def _leaves(parameters: Sequence[Any]) -> list[Value]:
    for p in parameters:
        if not isinstance(p, Value | Tensor):
            raise ArgumentTypeError(
                f"parameters must be Values or arrays of them, got {type(p).__name__}: {p!r:.80}"
            )
    found = list(scalars(parameters))
    if any(v._row is not None for v in found):
        raise ArgumentTypeError("parameters must be leaves, got the result of an operation")
    return found
