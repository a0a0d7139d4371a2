"""A program in torch: a module whose `forward` is the loss, with its parameters by their names."""

from __future__ import annotations

import ast
import json
import struct
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from micrograd.errors import ArgumentValueError
from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.dialect import (
    Dialect,
    Write,
    filled,
    parsed,
    shape_text,
    sizes_text,
    slice_text,
)
from micrograd.exporting.emitting import packed
from micrograd.exporting.expressions import Expr
from micrograd.exporting.loops.forward import with_lists
from micrograd.exporting.module import (
    archive,
    assembled,
    body_of,
    documented,
    literal,
    run,
    shapes_text,
    statements,
    title,
)
from micrograd.exporting.program import ArrayProgram
from micrograd.exporting.samples import program_for
from micrograd.exporting.subject import Subject
from micrograd.exporting.written import Written
from micrograd.ops import OPS, Op

LOAD = (
    "The parameters are in a file beside this one: "
    '`model.load_state_dict(safetensors.torch.load_file("….safetensors"))`.'
)


class TorchDialect(Dialect):
    """What torch writes otherwise than NumPy; `like` is an array that new ones are like."""

    module = "torch"
    from_file = 'torch.from_numpy(kept["{0}"])'
    concatenate, largest = "cat", "amax"

    def __init__(self, like: str) -> None:
        self.like = like

    def needs_numbers(self, op: Op) -> bool:
        """All do: times a number, true and false would be of single precision."""
        return True

    def template(self, row: str) -> str:
        """The text of a row: an operator, or torch's function."""
        op = OPS[row]
        return op.torch if "np." in op.numpy else op.numpy

    def _row(self, x: Expr, inner: Write) -> ast.expr:
        row = x.given[0]
        if OPS[row].chooses:
            mask = x.args[0]
            is_mask = mask.op == E.ROW and OPS[mask.given[0]].compares
            texts = [inner(mask), *(self._tensor(a, inner) for a in x.args[1:])]
            template = "torch.where({0}, {1}, {2})" if is_mask else self.template(row)
            return filled(template, texts)
        if "torch." in self.template(row) and len(x.args) > 1:
            return filled(self.template(row), [self._tensor(a, inner) for a in x.args])
        return super()._row(x, inner)

    def _as_number(self, text: ast.expr, x: Expr) -> ast.expr:
        is_mask = x.op == E.ROW and OPS[x.given[0]].compares
        return filled(f"({{0}}).to({self.like}.dtype)", [text]) if is_mask else text

    def _tensor(self, a: Expr, inner: Write) -> ast.expr:
        """A number as a tensor, where torch takes nothing else."""
        return (
            filled(f"{self.like}.new_tensor({{0}})", [inner(a)]) if a.op == E.NUMBER else inner(a)
        )

    def _zeros(self, x: Expr, inner: Write) -> ast.expr:
        return parsed(f"{self.like}.new_zeros({sizes_text(x.shape)})")

    def _spread(self, x: Expr, inner: Write) -> ast.expr:
        shape = shape_text(x.shape)
        if x.args[0].op == E.NUMBER:
            return filled(f"{self.like}.new_full({shape}, {{0}})", [inner(x.args[0])])
        return filled(f"torch.broadcast_to({{0}}, {shape})", [inner(x.args[0])])

    def _slice(self, x: Expr, inner: Write) -> ast.expr:
        """Torch has no negative steps: what is read backwards is turned round afterwards."""
        parts, turned, axis = [], [], 0
        for p, n in zip(x.given[0], x.args[0].shape, strict=True):
            if isinstance(p, tuple) and p[2] < 0:
                start, end, step = p
                assert isinstance(n, int), "an axis of samples that is read backwards"
                last = n - 1 if start is None else start
                places = range(last, -1 if end is None else end, step)
                p = (places[-1], last + 1, -step)
                turned.append(axis)
            axis += isinstance(p, tuple)
            parts.append(p)
        text = filled(f"{{0}}[{slice_text(parts)}]", [inner(x.args[0])])
        return filled(f"torch.flip({{0}}, {tuple(turned)})", [text]) if turned else text

    def _segments(self, x: Expr, inner: Write) -> ast.expr:
        rows, largest = x.given
        shape = shape_text((*x.args[0].shape[:-1], rows))
        texts = [inner(a) for a in x.args]
        if largest:
            start = f"{self.like}.new_full({shape}, -torch.inf)"
            at = "{1}" if len(x.args[0].shape) == 1 else "{1}.expand_as({0})"
            return filled(f'{start}.scatter_reduce(-1, {at}, {{0}}, "amax")', texts)
        return filled(f"{self.like}.new_zeros({shape}).index_add(-1, {{1}}, {{0}})", texts)

    def _permuted(self) -> str:
        return "torch.permute({0}, "

    def _integers(self, x: Expr, inner: Write) -> ast.expr:
        return filled("{0}.long()", [inner(x.args[0])])

    def _one_hot(self, x: Expr, inner: Write) -> ast.expr:
        eye = f"torch.eye({x.shape[-1]}, dtype={self.like}.dtype)"
        return filled(f"{eye}[{{0}}]", [inner(x.args[0])])

    def _stop(self, x: Expr, inner: Write) -> ast.expr:
        return filled("({0}).detach()", [inner(x.args[0])])


def write(subject: Subject, free: bool = True, loops: bool = True) -> Written:
    """The text, its arrays, and what runs it; see `numpy_target.write`."""
    if find_spec("torch") is None:
        raise ArgumentValueError("to='torch' is checked with torch, which is not here: install it")
    program = program_for(subject, free, loops)
    name = class_name(program.name)
    source, kept = _source(program, name)
    beside = {"_constants.npz": archive(kept)} if kept else {}
    numbers = np.array([v.data for v in subject.leaves])
    parameters = {p.name: numbers[p.members].reshape(p.shape) for p in program.parameters}
    whole = [a.whole for a in program.arguments]
    loss, gradient = _runs(run(source, beside)[name], whole)
    return Written(
        source, parameters, {p.name: p.members for p in program.parameters},
        {".py": source.encode(), ".safetensors": safetensors(parameters), **beside},
        loss, gradient, program.samples, program.has_loops,
    )  # fmt: skip


def class_name(name: str) -> str:
    """The name of a function as that of a class: `MeanSquaredError`."""
    found = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return found if found.isidentifier() else "Loss"


def _source(program: ArrayProgram, name: str) -> tuple[str, dict[str, np.ndarray]]:
    given = ", ".join(["self", *(a.name for a in program.arguments)])
    shapes = [(p.name, "".join(f"{n}, " for n in p.shape) or "(), ") for p in program.parameters]
    like = program.parameters[0].name if program.parameters else "torch.zeros(())"
    dialect = TorchDialect(like)
    small = {k: c for k, c in program.constants.items() if literal(dialect, k, c)}
    buffers = [
        f"torch.tensor({literal(dialect, k, c)}{_typed(c)})"
        if k in small
        else f"{k}{'.to(dtype)' * (c.dtype.kind == 'f')}"
        for k, c in program.constants.items()
    ]
    buffers = [
        f'self.register_buffer("{k}", {text}, persistent=False)'
        for k, text in zip(program.constants, buffers, strict=True)
    ]
    of_self = [f"        {k} = self.{k}" for k in program.constants]
    own = statements(program, lambda loop, free: with_lists(loop, free, like))
    body = body_of(dialect, program, own, "self.", "        ")
    lines = [
        f"class {name}(torch.nn.Module):",
        *documented("`forward` is the loss.", "    "),
        "",
        "    def __init__(self, dtype=torch.float64):",
        "        super().__init__()",
        *(
            f"        self.{k} = torch.nn.Parameter(torch.zeros({shape}dtype=dtype))"
            for k, shape in shapes
        ),
        *(f"        {line}" for line in buffers),
        "",
        *packed("def forward(", given.split(", "), "):", "    "),
        *documented("The loss: a number.", "        "),
        *of_self,
        *body,
        f"        return {program.loss}",
    ]
    head = f"{title(program, '', 'torch')}\n\n{shapes_text(program)}\n\n{LOAD}"
    return assembled(dialect, head, ["import torch"], program, lines, inline=set(small))


def _typed(x: np.ndarray) -> str:
    return ", dtype=dtype" if x.dtype.kind == "f" else ""


def _runs(module: Any, whole: list[bool]) -> tuple[Any, Any]:
    """The loss and its gradient, on arrays of NumPy."""
    import torch

    model = module()

    def called(parameters: Any, inputs: Any, grad: bool) -> Any:
        kinds = [np.int64 if w else np.float64 for w in whole]
        given = [torch.tensor(np.asarray(x, k)) for x, k in zip(inputs, kinds, strict=True)]
        trained = {
            k: torch.tensor(np.asarray(v, float), requires_grad=grad) for k, v in parameters.items()
        }
        return trained, torch.func.functional_call(model, trained, tuple(given))

    def loss(parameters: Any, *inputs: Any) -> Any:
        return called(parameters, inputs, False)[1].detach().numpy()

    def gradient(parameters: Any, *inputs: Any) -> Any:
        trained, value = called(parameters, inputs, True)
        names = list(trained)
        tensors = [trained[k] for k in names]
        reached = bool(tensors) and value.requires_grad
        found = torch.autograd.grad(value, tensors, allow_unused=True) if reached else []
        zeros = {k: np.zeros(tuple(t.shape)) for k, t in trained.items()}
        derivatives = {k: g.numpy() for k, g in zip(names, found, strict=False) if g is not None}
        return value.detach().numpy(), zeros | derivatives

    return loss, gradient


def safetensors(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The contents of a `.safetensors` file: the length of a header, the header, all numbers."""
    header: dict[str, Any] = {}
    contents: list[bytes] = []
    start = 0
    for name, x in arrays.items():
        content = np.ascontiguousarray(x, "<f8").tobytes()
        header[name] = {
            "dtype": "F64", "shape": list(np.shape(x)),
            "data_offsets": [start, start + len(content)],
        }  # fmt: skip
        contents.append(content)
        start += len(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(contents)
