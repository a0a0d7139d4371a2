"""A compiled function: what it is called with, what runs, and what was found."""

from __future__ import annotations

import copy
import functools
import math
import sys
from collections.abc import Callable, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from micrograd import observers
from micrograd.checks import detect_anomaly
from micrograd.compiler.codes import Floats
from micrograd.compiler.compilation import GRADIENT, STEP, VALUE
from micrograd.compiler.methods import BoundFunctions
from micrograd.compiler.options import check_options, has_own_step, leaves_of
from micrograd.compiler.programs.decisions import Decisions, loss_of
from micrograd.compiler.programs.programs import Programs
from micrograd.compiler.programs.trained import TrainedLeaves
from micrograd.compiler.running.fallback import eager_gradient, eager_step, eager_value
from micrograd.compiler.running.owed import owed
from micrograd.compiler.running.runner import Runner, chosen, prepare
from micrograd.compiler.trace.arguments.structures import ArgumentPlaces
from micrograd.compiler.trace.eagerly import inside
from micrograd.compiler.trace.numbers.advice import advised
from micrograd.compiler.trace.numbers.refusing import InexactError, active, current, refuse
from micrograd.compiler.trace.world.reachable import tensors_of
from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError, CompileError
from micrograd.interrupts import uncollected
from micrograd.optim.optimizer import Optimizer
from micrograd.tensors.backward import hooked
from micrograd.tensors.tensor import Tensor

if TYPE_CHECKING:
    from micrograd.compiler.explain.account import Account
    from micrograd.compiler.explain.recovered import Recovered
    from micrograd.compiler.explain.report import Report
    from micrograd.compiler.explain.sequence import Passage

Result = TypeVar("Result", covariant=True)  # of a call: the loss, a float, or (loss, aux)


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
        check_options(fn, optimizer, backend, dtype, threads)
        functools.update_wrapper(self, fn)
        self.fn = fn
        self._optimizer = optimizer
        self._places = ArgumentPlaces(fn)
        self._lock = RLock()
        self._methods: BoundFunctions[Compiled[Result]] = BoundFunctions(fn)
        self.batch = batch
        self.exact = exact
        self.dtype = dtype
        self.threads = threads
        self.backend = chosen(backend)
        prepare(self.backend)
        self._explicit = None if parameters is None else leaves_of(parameters)
        leaves = TrainedLeaves(fn, self._explicit, optimizer, dtype)
        programs = Programs(fn, leaves, batch, self.backend, dtype, threads)
        self._decisions = Decisions(programs)

    def __set_name__(self, owner: type, name: str) -> None:
        self._methods.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled[Result]:
        """As a method: a compiled function for each object, kept in it, or for each class."""
        if instance is None or not hasattr(self.fn, "__get__"):
            return self
        return self._methods.of(instance, self, self._with)

    def _with(self, fn: Callable[..., Any]) -> Compiled[Result]:
        """Another function, compiled in the same way."""
        return Compiled(
            fn, self._explicit, self.optimizer, self.batch, self.backend, self.dtype, self.exact,
            self.threads,
        )  # fmt: skip

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
        of_class = isinstance(owner, type) and getattr(owner, name, None) is self
        if of_class or getattr(type(owner), name, None).__class__ is Compiled:
            return getattr, (owner, name)  # made anew for the object when it is asked for
        module = sys.modules.get(getattr(self.fn, "__module__", ""))
        if getattr(module, getattr(self.fn, "__qualname__", ""), None) is self:
            return self.fn.__qualname__  # by its name, as functions are
        options = self.batch, self.backend, self.dtype, self.exact, self.threads
        return Compiled, (self.fn, self._explicit, self._optimizer, *options)

    # ---- running -------------------------------------------------------------------------------

    def __call__(self, *inputs: Any, **keywords: Any) -> Result:
        """The loss, or (loss, aux)."""
        if current() is not None or inside():
            result: Result = self.fn(*inputs, **keywords)  # inside another function: part of it
            return result
        try:
            return self._called(self._by_position(inputs, keywords) if keywords else inputs)
        except ArgumentTypeError:
            if not self._methods.first_is_owner(inputs):
                raise
            return self.__get__(inputs[0])(*inputs[1:], **keywords)

    def _called(self, inputs: tuple[Any, ...]) -> Result:
        """The result of these arguments."""
        result: Result
        with self._lock:
            if not self._is_eager():
                runner, loss = self._run(VALUE, inputs)
                if runner is not None and (loss == loss or runner.is_lost()):
                    result = runner.result(loss if loss == loss else runner.loss())
                    return result
            result = self._programs.patience.instead(
                lambda: eager_value(self.fn, inputs, self.batch)
            )
            return result

    def value_and_grad(self, *inputs: Any, **keywords: Any) -> tuple[Result, Floats]:
        """The loss (or (loss, aux)) and the gradient, in the order of `parameters`."""
        if keywords:
            inputs = self._by_position(inputs, keywords)
        with self._lock:
            self._check_hooks()
            runner = None
            if not (active or observers.active):
                runner = self._programs.again(GRADIENT, self._decisions.given(inputs))
            loss: Any = math.nan if runner is None else loss_of(runner, GRADIENT)
            if runner is None or loss != loss:
                return self._gradient_otherwise(inputs)
            return runner.result(loss), self._gradient_of(runner)

    def _gradient_otherwise(self, inputs: tuple[Any, ...]) -> tuple[Result, Floats]:
        """The loss and the gradient, not by the program that ran last, or not finite."""
        self._check_outermost("value_and_grad")
        if not self._is_eager():
            runner, loss = self._run(GRADIENT, inputs)
            self._check_hooks()  # of what has been met only now
            if runner is not None and (loss == loss or runner.is_lost()):
                gradient = self._gradient_of(runner)
                return runner.result(loss if loss == loss else runner.loss()), gradient
        self._decisions.run(inputs, _meet, GRADIENT)
        return self._programs.patience.instead(
            lambda: eager_gradient(self.fn, inputs, self.batch, self.parameters)
        )

    def _gradient_of(self, runner: Runner) -> Floats:
        return runner.gradient(self._programs.leaves.parameters, self._arrays)

    def _arrays(self) -> list[Tensor]:
        """The arrays in reach of the function, which may be frozen."""
        return tensors_of(self.fn)

    def attempt(self, *inputs: Any, **keywords: Any) -> float:
        """The loss and one step; nan, and nothing has changed, where `step` would go on eagerly."""
        self._check_outermost("attempt")
        self._check_hooks()
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
        a parameter; gradients of what the optimizer does not have stay as they were. A step that
        is interrupted has changed all parameters, or none.
        """
        if keywords:
            inputs = self._by_position(inputs, keywords)
        with self._lock:
            self._check_hooks()
            runner = None
            if not (active or observers.active):
                runner = self._programs.again(STEP, self._decisions.given(inputs))
            loss: Any = math.nan if runner is None else runner.executable.step()
            if runner is None or loss != loss:
                return self._step_otherwise(inputs, runner)
            return self._stepped_by(runner, loss)

    def _step_otherwise(self, inputs: tuple[Any, ...], runner: Runner | None) -> Result:
        """A step that is not made by the program that ran last, or comes to what is not finite."""
        loss = math.nan
        if runner is None:
            self._check_outermost("step")
        if runner is None or runner.missed() or runner.may_be_safer:
            runner, loss = self._stepped(inputs)
        if loss != loss and runner is not None and runner.is_lost():
            runner.update()
            loss = runner.loss()
        elif loss != loss:
            optimizer = self.optimizer
            assert optimizer is not None
            run = functools.partial(eager_step, self.fn, inputs, self.batch, optimizer)
            result: Result = self._programs.patience.instead(run)
            return result
        assert runner is not None
        return self._stepped_by(runner, loss)

    def _stepped_by(self, runner: Runner, loss: Any) -> Result:
        """The result of a step of this program, whose gradients are not written yet."""
        if owed.now is not runner:
            owed.by(runner)
        result: Result = runner.result(loss) if runner.has_more else loss
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
        runner = self._programs.again(mode, self._decisions.given(inputs))
        loss = math.nan if runner is None else loss_of(runner, mode)
        if loss == loss:
            return runner, loss
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
        if self._is_eager() or has_own_step(self.optimizer):
            return None
        programs.look_around()
        runner = programs.ready(STEP, inputs)
        if runner is None and programs.waits(STEP, inputs):
            return None
        if runner is None:
            try:
                runner = uncollected(
                    lambda: (
                        programs.runner(STEP, inputs) if programs.starts_exactly(inputs) else None
                    )
                )
            except InexactError:
                return None
        return programs.keep(STEP, inputs, runner)

    def _by_position(self, given: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments of a call in which some have names."""
        return self._places.of(given, keywords)

    def _check_outermost(self, method: str) -> None:
        if current() is not None:
            refuse(f"a traced function calls {method} of a compiled one; call the function itself")

    def _check_hooks(self) -> None:
        """Raise a CompileError if a hook waits for a gradient that is computed here."""
        arrays = hooked()
        if not arrays:
            return
        trained = {id(v) for v in self._programs.leaves.parameters}
        if any(id(v) in trained for t in arrays for v in t._values.flat):
            raise advised(CompileError(
                "cannot be compiled: a hook of a parameter (register_hook) is to see its gradient"
            ))  # fmt: skip

    # ---- what it is, and what was found ----------------------------------------------------------

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimiser of `step`; another one needs another compiled function."""
        return self._optimizer

    @property
    def parameters(self) -> list[Value]:
        """What gradients are taken by: those given, or those met so far."""
        return list(self._programs.leaves.parameters)

    @property
    def source(self) -> str:
        """The text of the program that ran last; comments number its kernels as `explain` does."""
        return "" if self._programs.newest is None else self._account().source()

    def report(self) -> Report:
        """Figures of the program that ran last: nodes, kernels, milliseconds."""
        return self._account().report()

    def ran(self) -> Runner:
        """The program that ran last. Raises an ArgumentValueError if there is none."""
        if self._programs.newest is None:
            raise ArgumentValueError("nothing has been compiled yet: call the function first")
        return self._programs.newest

    def explain(self) -> str:
        """What was recovered from the scalar program that ran last, in words."""
        if self._programs.newest is None:
            return "nothing has been compiled yet: call the function first"
        return self._account().words()

    def passages(self) -> list[Passage] | None:
        """The loops of the program that ran last, if it is a sequence, as plain data."""
        return self._account().passages()

    def recovered(self) -> Recovered:
        """The arrays that were found in the program that ran last, as plain data."""
        if self.exact:
            raise ArgumentValueError("with exact=True the program runs as it is: no arrays")
        return self._account().recovered()

    def _account(self) -> Account:
        from micrograd.compiler.explain.account import Account  # which running does not need

        return Account(self.ran(), self._programs.mode, self.backend, self.fn, bool(self.batch))

    def __repr__(self) -> str:
        name = getattr(self.fn, "__qualname__", repr(self.fn))
        return f"<compiled {name}: {self.backend}, {self.dtype}, {len(self._decisions)} programs>"


def _meet(programs: Programs, inputs: tuple[Any, ...]) -> None:
    """Trace, so that parameters are known, if there will be a program for the arguments."""
    try:
        if programs.leaves.are_met or not programs.waits(GRADIENT, inputs):
            programs.traced(inputs)
    except InexactError:
        if programs.leaves.are_met:
            raise
