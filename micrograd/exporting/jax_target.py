"""A program in JAX: a pure function of its parameters, for `jit`, `grad`, `vmap` and `scan`."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from typing import Any

import numpy as np

from micrograd.errors import ArgumentValueError
from micrograd.exporting.dialect import Dialect, Write, filled, shape_text
from micrograd.exporting.emitting import packed
from micrograd.exporting.expressions import Expr
from micrograd.exporting.loops.forward import with_scan
from micrograd.exporting.module import (
    archive,
    assembled,
    body_of,
    documented,
    run,
    shapes_text,
    statements,
    title,
)
from micrograd.exporting.program import ArrayProgram
from micrograd.exporting.samples import program_for
from micrograd.exporting.subject import Subject
from micrograd.exporting.written import Written
from micrograd.ops import OPS

DOUBLE = (
    "Derivatives are those of `jax.grad(loss)`. In double precision with "
    '`jax.config.update("jax_enable_x64", True)` before anything else.'
)


class JaxDialect(Dialect):
    """What JAX writes otherwise than NumPy."""

    module = "jnp"
    from_file = 'jnp.asarray(kept["{0}"])'

    def template(self, row: str) -> str:
        """The text of a row."""
        return OPS[row].jax

    def _segments(self, x: Expr, inner: Write) -> ast.expr:
        rows, largest = x.given
        shape = shape_text((*x.args[0].shape[:-1], rows))
        start = f"jnp.full({shape}, -jnp.inf)" if largest else f"jnp.zeros({shape})"
        name = "max" if largest else "add"
        return filled(f"{start}.at[..., {{1}}].{name}({{0}})", [inner(a) for a in x.args])

    def _stop(self, x: Expr, inner: Write) -> ast.expr:
        return filled("jax.lax.stop_gradient({0})", [inner(x.args[0])])


def write(subject: Subject, free: bool = True, loops: bool = True) -> Written:
    """The text, its arrays, and what runs it; see `numpy_target.write`."""
    if find_spec("jax") is None:
        raise ArgumentValueError("to='jax' is checked with JAX, which is not here: pip install jax")
    program = program_for(subject, free, loops)
    source, kept = _source(program)
    beside = {"_constants.npz": archive(kept)} if kept else {}
    numbers = np.array([v.data for v in subject.leaves])
    parameters = {p.name: numbers[p.members].reshape(p.shape) for p in program.parameters}
    whole = [a.whole for a in program.arguments]
    loss, gradient = _runs(source, beside, whole)
    return Written(
        source, parameters, {p.name: p.members for p in program.parameters},
        {".py": source.encode(), ".npz": archive(parameters), **beside}, loss, gradient,
        program.samples, program.has_loops,
    )  # fmt: skip


def _source(program: ArrayProgram) -> tuple[str, dict[str, np.ndarray]]:
    given = ", ".join(["parameters", *(a.name for a in program.arguments)])
    names = [a.name for a in program.arguments]
    lines = statements(program, lambda loop, free: with_scan(loop, free, names))
    body = [
        *packed("def loss(", given.split(", "), "):"),
        *documented("The loss: a number.", "    "),
        *body_of(JaxDialect(), program, lines),
        f"    return {program.loss}",
    ]
    head = f"{title(program, '', 'JAX')}\n\n{shapes_text(program)}\n\n{DOUBLE}"
    return assembled(JaxDialect(), head, ["import jax.numpy as jnp"], program, body)


def _runs(source: str, beside: dict[str, bytes], whole: list[bool]) -> tuple[Any, Any]:
    """The loss and its gradient, in double precision whatever the process is set to."""
    import jax

    with jax.enable_x64(True):
        function = run(source, beside)["loss"]
        one, both = jax.jit(function), jax.jit(jax.value_and_grad(function))

    def arrays(parameters: Any, inputs: Any) -> tuple[Any, ...]:
        kinds = [np.int64 if w else np.float64 for w in whole]
        given = [jax.numpy.asarray(np.asarray(x, k)) for x, k in zip(inputs, kinds, strict=True)]
        trained = {k: jax.numpy.asarray(np.asarray(v, float)) for k, v in parameters.items()}
        return trained, *given

    def loss(parameters: Any, *inputs: Any) -> Any:
        with jax.enable_x64(True):
            return np.asarray(one(*arrays(parameters, inputs)))

    def gradient(parameters: Any, *inputs: Any) -> Any:
        with jax.enable_x64(True):
            value, found = both(*arrays(parameters, inputs))
            return np.asarray(value), {k: np.asarray(v) for k, v in found.items()}

    return loss, gradient
