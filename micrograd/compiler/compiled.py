"""`compile`: a scalar function as array kernels, one program for each shape of its arguments."""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from threading import RLock
from typing import Any

import numpy as np

from micrograd.arrays import Tensor
from micrograd.compiler.arguments import Shape, first_samples, flat, shape_of
from micrograd.compiler.eager import eager_gradient, eager_step, eager_value, inside
from micrograd.compiler.memory import Memory
from micrograd.compiler.naming import given_names
from micrograd.compiler.pipeline import GRADIENT, STEP, VALUE, build
from micrograd.compiler.reachable import located
from micrograd.compiler.recording import by_use, met
from micrograd.compiler.recovered import Recovered, recovered
from micrograd.compiler.report import Report, explanation
from micrograd.compiler.runner import Runner, chosen
from micrograd.compiler.sources import Arguments
from micrograd.compiler.store import Store, place_of, store_of
from micrograd.compiler.traced import Source, Traced
from micrograd.compiler.tracing import active, current, refuse
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError, CompileError
from micrograd.optim.optimizer import Optimizer
from micrograd.optim.state import scalars

BACKENDS = ("auto", "llvm", "numpy")
DTYPES = ("float64", "float32")
MOST_PROGRAMS = 64  # for each function; the one that was not used for longest goes first


def compile(  # noqa: A001  (the name of the contract)
    fn: Callable[..., Any] | None = None,
    *,
    parameters: Sequence[Any] | None = None,
    optimizer: Optimizer | None = None,
    batch: bool = False,
    backend: str = "auto",
    dtype: str = "float64",
    exact: bool = False,
) -> Any:
    """Compile a scalar function to array kernels; also a decorator.

    `fn` is plain scalar Python over Values and returns the loss, or (loss, aux). Its arguments are
    run-time inputs: floats, ints (which may index lists), nested lists or arrays of them. It is
    traced once for each shape of its arguments. The result is called like `fn` and gives numbers:

    - `f(*inputs)`: the loss; `f.value_and_grad(*inputs)`: the loss and the gradient, an array in
      the order of `f.parameters`
    - `f.step(*inputs)`: the loss, and then one update by `optimizer`
    - `f.explain()`: what was recovered; `f.source`: the text that runs

    `parameters` defaults to every leaf that existed before the call, in the order in which the
    trace meets them. With `batch`, `fn` is for one sample, the leading axis of every argument is
    the batch, and results are means over it. `backend` is "llvm" (needs the extra `jit`), "numpy",
    or "auto": LLVM where it is installed. `dtype` is "float64" or "float32".

    Results agree with the eager ones to 1e-12 of the sum of absolute terms, because sums are
    reordered; a result that is not finite is computed again eagerly. `exact` keeps the order of
    the program, by running it as it is.

    What `fn` finds in its closure and in globals is part of a program: when a name there is bound
    to something else, the next call compiles again. What is inside the objects, such as an
    attribute that is a number, is compared only when the program is traced again: at the second
    call with other arguments, the 8th, the 32nd, and so on.

    Raises a CompileError that names the line for what cannot be compiled faithfully: a branch on a
    number, a number that leaves the graph, randomness, a hand-written `_backward`.

    >>> import micrograd
    >>> w = micrograd.Value(1.0)
    >>> f = micrograd.compile(lambda x, y: (w * x - y) ** 2, backend="numpy")
    >>> f(2.0, 5.0), f.value_and_grad(2.0, 5.0)
    (9.0, (9.0, array([-12.])))
    """
    if fn is None:
        return functools.partial(
            compile, parameters=parameters, optimizer=optimizer, batch=batch, backend=backend,
            dtype=dtype, exact=exact,
        )  # fmt: skip
    return Compiled(fn, parameters, optimizer, batch, backend, dtype, exact)


class Compiled:
    """A compiled function; see `micrograd.compile`."""

    def __init__(
        self,
        fn: Callable[..., Any],
        parameters: Sequence[Any] | None,
        optimizer: Optimizer | None,
        batch: bool,
        backend: str,
        dtype: str,
        exact: bool,
    ) -> None:
        if not callable(fn):
            raise ArgumentTypeError(f"fn must be a function, got {type(fn).__name__}")
        if backend not in BACKENDS:
            raise ArgumentValueError(f"backend must be one of {BACKENDS}, got {backend!r}")
        if dtype not in DTYPES:
            raise ArgumentValueError(f"dtype must be one of {DTYPES}, got {dtype!r}")
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
        self._lock = RLock()
        self._name = ""  # as an attribute of a class
        self.batch = batch
        self.exact = exact
        self.dtype = dtype
        self.backend = chosen(backend)
        self._explicit = None if parameters is None else _leaves(parameters)
        self._met: list[Value] = []
        self._runners: OrderedDict[tuple[str, Shape], Runner] = OrderedDict()
        self._traces: OrderedDict[Shape, Traced] = OrderedDict()
        self._stepper: Runner | None = None  # of the last step
        self._newest: Runner | None = None
        self._new: Traced | None = None  # traced in this call: not to be verified yet

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled:
        """As a method: a compiled function for each object, kept in it."""
        if instance is None:
            return self
        fn = self.fn.__get__(instance, owner)
        bound = Compiled(
            fn, self._explicit, self.optimizer, self.batch, self.backend, self.dtype, self.exact
        )
        vars(instance)[self._name] = bound
        return bound

    # ---- running -------------------------------------------------------------------------------

    def __call__(self, *inputs: Any) -> Any:
        """The loss, or (loss, aux)."""
        if current() is not None or inside():
            return self.fn(*inputs)  # inside another function: part of it
        with self._lock:
            if not self.exact:
                runner = self._runner(VALUE, inputs)
                loss = runner.run()
                if loss == loss:
                    return runner.result(loss)
            return eager_value(self.fn, inputs, self.batch)

    def value_and_grad(self, *inputs: Any) -> tuple[Any, np.ndarray]:
        """The loss (or (loss, aux)) and the gradient, in the order of `parameters`."""
        self._check_outermost("value_and_grad")
        with self._lock:
            if not self.exact:
                runner = self._runner(GRADIENT, inputs)
                loss = runner.run()
                if loss == loss:
                    found = self.parameters
                    self._take(found)
                    places = np.array([place_of(v) for v in found], np.int64)
                    return runner.result(loss), runner.gradient(places)
            self._traced(inputs)
            return eager_gradient(self.fn, inputs, self.batch, self.parameters)

    def attempt(self, *inputs: Any) -> float:
        """The loss and one step; nan, and nothing has changed, where `step` would go on eagerly."""
        self._check_outermost("attempt")
        with self._lock:
            runner = self._step_runner(inputs)
            if runner is None:
                return math.nan
            loss = runner.run()
            if loss == loss:
                runner.note_chosen()
            return loss

    def step(self, *inputs: Any) -> Any:
        """The loss (or (loss, aux)) before the step, and one update of the parameters.

        A step that is interrupted has changed all parameters, or none.
        """
        with self._lock:
            runner = self._stepper
            if runner is not None and not active and runner.holds(inputs) and runner.fits():
                loss = runner.run()
                if loss == loss and not runner.has_aux:
                    return loss
            else:
                self._check_outermost("step")
                runner = self._stepper = self._step_runner(inputs)
                loss = math.nan if runner is None else runner.run()
                if runner is not None and loss == loss:
                    runner.note_chosen()
            if runner is not None and loss == loss:
                return runner.result(loss)
            assert self.optimizer is not None
            return eager_step(self.fn, inputs, self.batch, self.optimizer)

    def _step_runner(self, inputs: tuple[Any, ...]) -> Runner | None:
        """The program of a step; None if this step has to be an eager one."""
        if self.optimizer is None:
            raise ArgumentValueError("step needs an optimizer: compile(fn, optimizer=…)")
        if self.exact or _has_own_step(self.optimizer):
            return None
        runner = self._ready(STEP, inputs)
        if runner is None and self._starts_exactly(inputs):
            runner = self._runner(STEP, inputs)
        return runner

    def _check_outermost(self, method: str) -> None:
        if current() is not None:
            refuse(f"a traced function calls {method} of a compiled one; call the function itself")

    def _starts_exactly(self, inputs: tuple[Any, ...]) -> bool:
        """False if the rule's first step is not one from a state of zeros, and is yet to come."""
        # First of all the trace: from a store Python reads parameters slowly.
        recording = self._traced(inputs).recording
        known = {id(v) for v in self._optimized()}
        used = [recording.parameters[k] for k in met(recording)]
        return self._memory().starts_exactly([v for v in used if id(v) in known])

    # ---- programs ------------------------------------------------------------------------------

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimiser of `step`; another one needs another compiled function."""
        return self._optimizer

    @property
    def parameters(self) -> list[Value]:
        """What gradients are taken by: those given, or those met so far."""
        return list(self._met if self._explicit is None else self._explicit)

    def _ready(self, mode: str, inputs: tuple[Any, ...]) -> Runner | None:
        """The program for these arguments, pointed at them, if there is nothing left to check."""
        runner = self._runners.get((mode, shape_of(inputs)))
        if runner is None or not runner.traced.verified or not runner.fits():
            return None
        if runner.traced.is_due() or (runner.traced.tried and self._untried(runner.traced, inputs)):
            return None
        runner.take(inputs, final=True)
        self._newest = runner
        return runner

    def _runner(self, mode: str, inputs: tuple[Any, ...]) -> Runner:
        """The program for these arguments, pointed at them."""
        with located(self.fn):
            return self._ready(mode, inputs) or self._checked_runner(mode, inputs)

    def _checked_runner(self, mode: str, inputs: tuple[Any, ...]) -> Runner:
        key = mode, shape_of(inputs)
        traced = self._traces.get(self._sample(inputs)[2])
        fresh, self._new = self._new, None
        if traced is not None and traced is not fresh and not self._agrees(traced, inputs):
            self._traces.clear()
            self._runners.clear()
        runner = self._runners.get(key)
        if runner is None or not runner.follow():
            runner = self._build(mode, inputs)
            self._new = None
            self._check_samples(runner.traced, inputs)
            self._runners[key] = runner
            if len(self._runners) > MOST_PROGRAMS:
                self._runners.popitem(last=False)
        self._runners.move_to_end(key)
        self._newest = runner
        runner.take(inputs, final=runner.traced.verified)
        return runner

    def _agrees(self, traced: Traced, inputs: tuple[Any, ...]) -> bool:
        """Trace again when that is due, and for integers that were never tried.

        Raises a CompileError if the program is another now; False if all must be built anew.
        """
        if traced.captured is not None and not traced.captured.same():
            return False
        again = [inputs] if not traced.verified or traced.due else []
        for arguments in again or self._untried(traced, inputs):
            _, sample, shape = self._sample(arguments)
            if not self._source().verify(traced, sample, shape):
                return False
        traced.verified, traced.due = True, False
        return True

    def _check_samples(self, traced: Traced, inputs: tuple[Any, ...]) -> None:
        """Try the integers of all samples of a batch of which the first was traced."""
        for arguments in self._untried(traced, inputs) if self.batch else ():
            _, sample, shape = self._sample(arguments)
            if not self._source().verify(traced, sample, shape):
                raise CompileError(
                    "cannot be compiled: the integers of some samples are negative, or index "
                    "longer tables than those of the first sample"
                )

    def _untried(self, traced: Traced, inputs: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Arguments to trace for the integers among these that no trace has had."""
        for name, tried in traced.tried.items():
            numbers = flat(inputs[int(name[len("ids") :])], np.int64)
            if not tried.issuperset(numbers.tolist()):
                if not self.batch:
                    return [inputs]
                return [tuple(x[i : i + 1] for x in inputs) for i in range(len(inputs[0]))]
        return []

    def _build(self, mode: str, inputs: tuple[Any, ...]) -> Runner:
        traced = self._traced(inputs)
        r = traced.recording
        leaves = r.parameters
        if self._explicit is None and self.optimizer is None:
            leaves = [r.parameters[k] for k in by_use(r)] + leaves
        store = self._take(leaves)
        memory = self._memory() if mode == STEP else None
        lanes = self._sample(inputs)[0]
        places = np.array([place_of(v) for v in r.parameters], np.int64)
        arguments = Arguments.of(traced.stand_ins, lanes)
        built = build(r, arguments, places, len(store.values), mode, memory)
        return Runner(built, traced, self.backend, self.dtype, store, memory)

    def _traced(self, inputs: tuple[Any, ...]) -> Traced:
        _, sample, shape = self._sample(inputs)
        traced = self._traces.get(shape)
        if traced is None or not (traced.captured and traced.captured.same()):
            with located(self.fn):
                traced = self._source().trace(sample, shape)
            self._new = self._traces[shape] = traced
            if len(self._traces) > MOST_PROGRAMS:
                self._traces.popitem(last=False)
            self._meet(traced)
        return traced

    def _meet(self, traced: Traced) -> None:
        known = {id(v) for v in self._met}
        for number in met(traced.recording):
            v = traced.recording.parameters[number]
            if id(v) not in known:
                self._met.append(v)

    def _sample(self, inputs: tuple[Any, ...]) -> tuple[int, tuple[Any, ...], Shape]:
        """How many lanes there are (0: none), what is traced, and its shape."""
        if not self.batch:
            return 0, inputs, shape_of(inputs)
        lanes, sample = first_samples(inputs)
        return lanes, sample, shape_of(sample)

    def _source(self) -> Source:
        known = dict.fromkeys([*(self._explicit or ()), *self._optimized()])
        return Source(self.fn, list(known), mean=self.batch)

    def _optimized(self) -> list[Value]:
        if self.optimizer is None:
            return []
        return [v for group in self.optimizer.param_groups for v in scalars(group["params"])]

    # ---- where parameters live -----------------------------------------------------------------

    def _take(self, leaves: Sequence[Value]) -> Store:
        wanted = list(dict.fromkeys([*self._optimized(), *leaves]))
        homes = [store_of(v) for v in wanted]
        store = next((home for home in homes if home is not None), None) or Store(self.dtype)
        if store.dtype != self.dtype:
            raise ArgumentValueError(
                f"the parameters are compiled with dtype={store.dtype!r} elsewhere, "
                f"here with {self.dtype!r}"
            )
        store.take(wanted)
        return store

    def _memory(self) -> Memory:
        optimizer = self.optimizer
        assert optimizer is not None
        store = self._take([])
        state: Any = optimizer.state
        memory = state if isinstance(state, Memory) and state.store is store else None
        if memory is None:
            memory = Memory(optimizer, store)
        memory.refresh()
        memory.settle()
        return memory

    # ---- what was found ------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """The text of the program that ran last."""
        return "" if self._newest is None else self._newest.executable.source

    def report(self) -> Report:
        """Figures of the program that ran last: nodes, kernels, milliseconds."""
        if self._newest is None:
            raise ArgumentValueError("nothing has been compiled yet: call the function first")
        runner = self._newest
        return Report.of(runner.built, runner.traced, runner.backend_milliseconds, self.backend)

    def explain(self) -> str:
        """What was recovered from the scalar program that ran last, in words."""
        if self._newest is None:
            return "nothing has been compiled yet: call the function first"
        return explanation(self.report(), self._newest.built, self.recovered())

    def recovered(self) -> Recovered:
        """The arrays that were found in the program that ran last, as plain data."""
        if self.exact:
            raise ArgumentValueError("with exact=True the program runs as it is: no arrays")
        if self._newest is None:
            raise ArgumentValueError("nothing has been compiled yet: call the function first")
        built, traced = self._newest.built, self._newest.traced
        names = given_names(self.fn, traced.recording.parameters, self.batch)
        return recovered(built, traced, names)

    def __repr__(self) -> str:
        name = getattr(self.fn, "__qualname__", repr(self.fn))
        return f"<compiled {name}: {self.backend}, {self.dtype}, {len(self._runners)} programs>"


def _has_own_step(optimizer: Optimizer) -> bool:
    """Whether a step of this optimiser is more than its `direction`."""
    sort = type(optimizer)
    return any(getattr(sort, n) is not getattr(Optimizer, n) for n in ("step", "updates", "apply"))


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
