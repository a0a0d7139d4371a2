"""The forward pass in ONNX: a graph from the arguments to the loss, in double precision.

Parameters are inputs that have their numbers as defaults; the axis of the samples is called n.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from micrograd.errors import ArgumentValueError, CompileError
from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.dialect import LETTERS, N
from micrograd.exporting.expressions import ArrayShape, Expr, Samples
from micrograd.exporting.lowering import lowered
from micrograd.exporting.program import ArrayProgram, ArrayStatement
from micrograd.exporting.samples import generalised
from micrograd.exporting.subject import Subject
from micrograd.exporting.written import Written
from micrograd.ops import OPS

OPSET = 18


def write(subject: Subject, free: bool = True, loops: bool = False) -> Written:
    """The graph, and what runs it."""
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ArgumentValueError(
            f"to='onnx' needs {missing[0]}: pip install 'micrograd-tracer[export]'"
        )
    import onnx

    program = generalised(subject, lowered) if free else lowered(subject)
    numbers = np.array([v.data for v in subject.leaves])
    parameters = {p.name: numbers[p.members].reshape(p.shape) for p in program.parameters}
    model = _Graph(program, parameters).model()
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    return Written(
        onnx.printer.to_text(model), parameters,
        {p.name: p.members for p in program.parameters}, {".onnx": content},
        _runs(content, program), free_samples=program.samples,
    )  # fmt: skip


def _runs(content: bytes, program: ArrayProgram) -> Any:
    """The loss, by onnxruntime."""
    import onnxruntime

    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: it warns of parameters that can be changed
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of classes that it does not export
        raise CompileError(
            f"cannot be exported: onnxruntime has no such operator in double precision: {error}"
        ) from None
    given = {x.name for x in session.get_inputs()}
    given |= {x.name for x in session.get_overridable_initializers()}

    def loss(parameters: Any, *inputs: Any) -> Any:
        feed = {k: np.asarray(v, np.float64) for k, v in parameters.items()}
        for a, x in zip(program.arguments, inputs, strict=True):
            feed[a.name] = np.asarray(x, np.int64 if a.whole else np.float64)
        return session.run(None, {k: v for k, v in feed.items() if k in given})[0]

    return loss


class _Graph:
    def __init__(self, program: ArrayProgram, parameters: dict[str, np.ndarray]) -> None:
        import onnx

        self.onnx, self.program = onnx, program
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {**parameters, **program.constants}
        self.masks: set[str] = set()  # names of what is true or false
        self._names: dict[int, str] = {}
        self._made: dict[tuple[Any, ...], str] = {}

    def model(self) -> Any:
        """The whole model."""
        helper = self.onnx.helper
        for s in self.program.statements:
            assert isinstance(s, ArrayStatement), "ONNX has the program without loops"
            name = self._number(self._name(s.value))
            if self.nodes and self.nodes[-1].output[0] == name:
                self.nodes[-1].output[0] = self._names[id(s.value)] = s.name
            else:
                self.nodes.append(helper.make_node("Identity", [name], [s.name]))
        loss = self.program.loss
        graph = helper.make_graph(
            self.nodes, self.program.name if self.program.name.isidentifier() else "loss",
            self._inputs(), [helper.make_tensor_value_info(loss, self._double, [])],
            [self.onnx.numpy_helper.from_array(x, name) for name, x in self.constants.items()],
        )  # fmt: skip
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)

    @property
    def _double(self) -> Any:
        return self.onnx.TensorProto.DOUBLE

    def _inputs(self) -> list[Any]:
        info = self.onnx.helper.make_tensor_value_info
        whole = self.onnx.TensorProto.INT64
        return [
            *(
                info(a.name, whole if a.whole else self._double, [_dimension(n) for n in a.shape])
                for a in self.program.arguments
            ),
            *(info(p.name, self._double, p.shape) for p in self.program.parameters),
        ]

    # ---- nodes -----------------------------------------------------------------------------------

    def _name(self, x: Expr) -> str:
        if id(x) not in self._names:
            self._names[id(x)] = getattr(self, f"_of_{x.op}")(x)
        return self._names[id(x)]

    def _node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _constant(self, x: Any, kind: Any = np.float64) -> str:
        values = np.asarray(x, kind)
        key = values.dtype.str, values.shape, values.tobytes()
        if key not in self._made:
            self._made[key] = f"constant_{len(self._made)}"
            self.constants[self._made[key]] = values
        return self._made[key]

    def _number(self, name: str) -> str:
        """1 and 0 in place of true and false."""
        return self._node("Cast", name, to=self._double) if name in self.masks else name

    def _args(self, x: Expr) -> list[str]:
        return [self._number(self._name(a)) for a in x.args]

    def _count(self) -> str:
        """The number of samples, as an array of one integer."""
        first = next(a for a in self.program.arguments if a.shape[:1] == (Samples(),))
        shape = self._node("Shape", first.name)
        return self._node("Gather", shape, self._constant([0], np.int64), axis=0)

    def _shape(self, shape: ArrayShape) -> str:
        """A shape, as an array of integers."""
        if not any(isinstance(n, Samples) for n in shape):
            return self._constant(shape, np.int64)
        return self._node("Concat", *map(self._size, shape), axis=0)

    def _size(self, n: E.AxisSize) -> str:
        if not isinstance(n, Samples):
            return self._constant([n], np.int64)
        times = self._node("Mul", self._count(), self._constant([n.times], np.int64))
        return self._node("Add", times, self._constant([n.plus], np.int64))

    # ---- operations ------------------------------------------------------------------------------

    def _of_array(self, x: Expr) -> str:
        return str(x.given[0])

    def _of_number(self, x: Expr) -> str:
        return self._constant(x.given[0])

    def _of_count(self, x: Expr) -> str:
        n = self._node("Cast", self._size(Samples(1, x.given[0])), to=self._double)
        return self._node("Squeeze", n)

    def _of_zeros(self, x: Expr) -> str:
        return self._node("Expand", self._constant(0.0), self._shape(x.shape))

    def _of_row(self, x: Expr) -> str:
        row, static = x.given
        op = OPS[row]
        if not op.onnx:
            raise CompileError(f"cannot be exported: ONNX has no operator for {row}")
        if op.chooses:
            mask = self._name(x.args[0])
            if mask not in self.masks:
                mask = self._node("Cast", mask, to=self.onnx.TensorProto.BOOL)
            sides = [self._number(self._name(a)) for a in x.args[1:]]
            return self._node(op.onnx, mask, *sides)
        inputs = self._args(x)
        if static is not None and op.onnx == "Pow":
            inputs, static = [*inputs, self._constant(static)], None
        name = self._node(op.onnx, *inputs, **({} if static is None else {"alpha": static}))
        if op.compares:
            self.masks.add(name)
        return name

    def _of_dot(self, x: Expr) -> str:
        ia, ib, io = x.given
        letter = {axis: LETTERS[k] for k, axis in enumerate(sorted({*ia, *ib}))}
        spec = ",".join("".join(letter[i] for i in axes) for axes in (ia, ib))
        equation = f"{spec}->{''.join(letter[i] for i in io)}"
        return self._node("Einsum", *self._args(x), equation=equation)

    def _of_sum(self, x: Expr, operator: str = "ReduceSum") -> str:
        (of,) = self._args(x)
        return self._node(operator, of, self._constant(x.given[0], np.int64), keepdims=0)

    def _of_max(self, x: Expr) -> str:
        return self._of_sum(x, "ReduceMax")

    def _of_segments(self, x: Expr) -> str:
        rows, largest = x.given
        of, at = (self._name(a) for a in x.args)
        if len(x.shape) > 1:
            raise CompileError("cannot be exported: ONNX has no sums of unequal length in a batch")
        start = self._constant(np.full(rows, -np.inf if largest else 0.0))
        how = "max" if largest else "add"
        return self._node("ScatterElements", start, at, self._number(of), axis=0, reduction=how)

    def _of_reshape(self, x: Expr) -> str:
        return self._node("Reshape", *self._args(x), self._shape(x.shape))

    def _of_transpose(self, x: Expr) -> str:
        return self._node("Transpose", *self._args(x), perm=list(x.given[0]))

    def _of_expand(self, x: Expr) -> str:
        new = [i for i, is_new in enumerate(x.given[0]) if is_new]
        return self._node("Unsqueeze", *self._args(x), self._constant(new, np.int64))

    def _of_spread(self, x: Expr) -> str:
        return self._node("Expand", *self._args(x), self._shape(x.shape))

    def _of_slice(self, x: Expr) -> str:
        (name,) = self._args(x)
        (parts,) = x.given
        for axis, p in enumerate(parts):
            if p == (0, None, 1):
                continue
            start, end, step = p if isinstance(p, tuple) else (p, _after(p), 1)
            limit = np.iinfo(np.int64)
            first = limit.max if start is None else start
            last = (limit.max if step > 0 else limit.min) if end is None else end
            bounds = [self._size(first), self._size(last)]
            rest = [self._constant([k], np.int64) for k in (axis, step)]
            name = self._node("Slice", name, *bounds, *rest)
        single = [axis for axis, p in enumerate(parts) if not isinstance(p, tuple)]
        return self._node("Squeeze", name, self._constant(single, np.int64)) if single else name

    def _of_take(self, x: Expr) -> str:
        of, at = (self._name(a) for a in x.args)
        return self._node("Gather", self._number(of), at, axis=x.given[0])

    def _of_join(self, x: Expr) -> str:
        return self._node("Concat", *(self._name(a) for a in x.args), axis=0)

    def _of_integers(self, x: Expr) -> str:
        return self._node("Cast", *self._args(x), to=self.onnx.TensorProto.INT64)

    def _of_one_hot(self, x: Expr) -> str:
        rows = self._constant(np.eye(int(x.shape[-1])))  # type: ignore[arg-type]
        return self._node("Gather", rows, self._name(x.args[0]), axis=0)

    def _of_stop(self, x: Expr) -> str:
        return self._args(x)[0]


def _after(n: E.AxisSize) -> E.AxisSize | None:
    """The place behind one; None behind the last."""
    if isinstance(n, Samples):
        return Samples(n.times, n.plus + 1)
    return n + 1 if n != -1 else None


def _dimension(n: E.AxisSize) -> int | str:
    """A size of an input; a name where it is free."""
    return N if isinstance(n, Samples) else n
