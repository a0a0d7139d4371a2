"""A function written anew so that branches on traced data have both their sides traced.

Every construct that asks a number for a decision asks the helper instead (`sides.Sides`), which
does what Python does unless the number is traced. Lines, names, defaults, globals and cells are
those of the original.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from types import CellType, CodeType, FunctionType
from typing import Any

from micrograd.compiler.trace.lowering import HELPER, Scopes, asked, endless, lowered, name
from micrograd.compiler.trace.source import FunctionNode, NoSource, tree_of

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def rewritten(fn: FunctionType, helper: Any) -> FunctionType:
    """The function with its branches asked of the helper; raises NoSource."""
    node = tree_of(fn)
    if any(_is_mangled(n) for n in ast.walk(node)):
        raise NoSource(f"{fn.__qualname__} uses private names of a class")
    helper.unbounded |= any(isinstance(n, ast.While) or _endless(n) for n in ast.walk(node))
    new = _Rewriting(fn.__code__.co_filename).function(_as_def(node))
    new.name, new.decorator_list, new.returns = f"{HELPER}function", [], None
    for n in ast.walk(new.args):
        if isinstance(n, ast.arg):
            n.annotation = None
    new.args.defaults = [ast.Constant(None) for _ in new.args.defaults]
    new.args.kw_defaults = [d and ast.Constant(None) for d in new.args.kw_defaults]
    outer = [HELPER, *fn.__code__.co_freevars]
    factory = _definition(f"{HELPER}factory", _arguments(outer), [new, ast.Return(name(new.name))])
    module = ast.Module([factory], [])
    for n in ast.walk(module):
        if isinstance(n, ast.stmt | ast.expr) and not hasattr(n, "lineno"):
            ast.copy_location(n, new)
    ast.fix_missing_locations(module)
    whole = compile(module, fn.__code__.co_filename, "exec", dont_inherit=True)
    code = _inner(_inner(whole, factory.name), new.name).replace(co_name=fn.__code__.co_name)
    cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
    closure = tuple(CellType(helper) if x == HELPER else cells[x] for x in code.co_freevars)
    made = FunctionType(code, fn.__globals__, fn.__name__, fn.__defaults__, closure)
    made.__kwdefaults__ = fn.__kwdefaults__
    made.__qualname__ = fn.__qualname__
    return made


def _is_mangled(n: ast.AST) -> bool:
    text = n.attr if isinstance(n, ast.Attribute) else n.id if isinstance(n, ast.Name) else ""
    return text.startswith("__") and not text.endswith("__")


def _endless(n: ast.AST) -> bool:
    return isinstance(n, ast.For) and endless(n.iter)


def _as_def(node: FunctionNode) -> ast.FunctionDef:
    if isinstance(node, ast.FunctionDef):
        return node
    body: list[ast.stmt] = [ast.copy_location(ast.Return(node.body), node.body)]
    return ast.copy_location(_definition("<lambda>", node.args, body), node)


def _definition(of: str, arguments: ast.arguments, body: list[ast.stmt]) -> ast.FunctionDef:
    made = ast.FunctionDef(of, arguments, body, [])
    made.type_params = []  # type: ignore[attr-defined, unused-ignore]  # from Python 3.12 on
    return made


def _constant(x: tuple[Any, ...]) -> ast.expr:
    return ast.Tuple([ast.Constant(part) for part in x], ast.Load())


def _inner(code: CodeType, of: str) -> CodeType:
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == of:
            return constant
    raise AssertionError(f"no code of {of}")


def _arguments(names: Iterable[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(x) for x in names], None, [], [], None, [])


def thunk(value: ast.expr) -> ast.expr:
    """`lambda: value`."""
    return ast.copy_location(ast.Lambda(_arguments(()), value), value)


def _own(node: ast.AST, wanted: type[ast.AST] | tuple[type[ast.AST], ...]) -> bool:
    """Whether there is such a node below, in the same scope."""
    if isinstance(node, wanted):
        return True
    if isinstance(node, Scopes):
        return False
    return any(_own(child, wanted) for child in ast.iter_child_nodes(node))


BOUND_TO_FRAME = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)


def _assigned(body: Iterable[ast.AST]) -> set[str]:
    """The names that statements set in their own scope."""
    found: set[str] = set()
    for n in body:
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(n.name)
            continue
        if isinstance(n, ast.Lambda):
            continue
        if isinstance(n, Comprehension):
            found |= {x.target.id for x in ast.walk(n) if isinstance(x, ast.NamedExpr)}
            continue
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
            found.add(n.id)
        if isinstance(n, ast.ExceptHandler) and n.name:
            found.add(n.name)
        if isinstance(n, ast.alias):
            found.add((n.asname or n.name).partition(".")[0])
        found |= _assigned(ast.iter_child_nodes(n))
    return found


class _Rewriting(ast.NodeTransformer):
    """Rewrites one function and those inside of it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._count = 0
        self._outer: set[str] = set()  # names of other scopes that the function at hand sets

    def function(self, f: ast.FunctionDef) -> ast.FunctionDef:
        """The function, rewritten."""
        outer, self._outer = self._outer, set()
        for n in ast.walk(f):
            if isinstance(n, ast.Global | ast.Nonlocal):
                self._outer |= set(n.names)
        f.body = [self.visit(s) for s in lowered(f.body)]
        f.body = [x for s in f.body for x in (s if isinstance(s, list) else [s])]
        self._outer = outer
        return f

    def visit_FunctionDef(self, f: ast.FunctionDef) -> ast.AST:
        """A function inside: its defaults and decorators are of the scope around it."""
        f.decorator_list = [self.visit(d) for d in f.decorator_list]
        f.args.defaults = [self.visit(d) for d in f.args.defaults]
        f.args.kw_defaults = [d and self.visit(d) for d in f.args.kw_defaults]
        return self.function(f)

    def visit_AsyncFunctionDef(self, f: ast.AsyncFunctionDef) -> ast.AST:
        """Left as it is."""
        return f

    def visit_ClassDef(self, c: ast.ClassDef) -> ast.AST:
        """Left as it is: its methods are rewritten when they are called."""
        return c

    def _place(self, e: ast.expr) -> ast.expr:
        """What a branch is called: where it stands."""
        return _constant((self._path, getattr(e, "lineno", 0), getattr(e, "col_offset", 0)))

    # ---- statements ----------------------------------------------------------------------------

    def visit_If(self, s: ast.If) -> Any:
        """Both sides, one after the other, if the test is traced."""
        if any(isinstance(x, ast.Break) for x in s.body):
            s.test = self.visit(s.test)  # made by lowering: it ends a loop
            return s
        place = self._place(s.test)
        names = sorted(_assigned([*s.body, *s.orelse]) - self._outer)
        self.generic_visit(s)
        self._count += 1
        side, error = f"{HELPER}{self._count}", f"{HELPER}error{self._count}"
        getters = [thunk(name(x)) for x in names]
        s.test, test = ast.Attribute(name(side), "taken", ast.Load()), s.test
        failed = ast.Call(ast.Attribute(name(side), "failed", ast.Load()), [name(error)], [])
        handler = ast.ExceptHandler(
            ast.Attribute(name(HELPER), "errors", ast.Load()), error,
            [ast.Expr(failed), ast.Raise(None, None)],
        )  # fmt: skip
        leave: ast.expr = ast.Call(ast.Attribute(name(side), "leave", ast.Load()), getters, [])
        end: ast.stmt = ast.Expr(leave)
        if names:
            target = ast.Tuple([ast.Name(x, ast.Store()) for x in names], ast.Store())
            end = ast.Assign([target], leave)
        listed = ast.Tuple([ast.Constant(x) for x in names], ast.Load())
        both = asked("branch", test, place, listed, *getters)
        loop = ast.For(
            ast.Name(side, ast.Store()), both,
            [ast.Try([s], [handler], [], []), end], [], None,
        )  # fmt: skip
        return ast.copy_location(loop, s)

    def visit_Match(self, s: ast.Match) -> Any:
        """A truth that is matched is decided."""
        self.generic_visit(s)
        s.subject = ast.copy_location(asked("matched", s.subject), s.subject)
        return s

    def visit_Assign(self, s: ast.Assign) -> Any:
        """Elements and attributes are set by the helper."""
        self.generic_visit(s)
        if all(isinstance(t, ast.Name) and t.id not in self._outer for t in s.targets):
            return s
        target = s.targets[0]
        if len(s.targets) == 1 and isinstance(target, ast.Name):
            s.value = asked("outer", thunk(name(target.id)), s.value)
            return s
        if len(s.targets) == 1 and isinstance(target, ast.Subscript | ast.Attribute):
            return ast.copy_location(ast.Expr(_store(target, s.value)), s)
        if all(_is_local(t, self._outer) for t in s.targets):
            return s
        return [_effect("an assignment to several elements or attributes", s), s]

    def visit_AugAssign(self, s: ast.AugAssign) -> Any:
        """`x += y` by the helper."""
        self.generic_visit(s)
        op = ast.Constant(type(s.op).__name__)
        if isinstance(s.target, ast.Name):
            new = asked("augmented", op, name(s.target.id), s.value)
            if s.target.id in self._outer:
                new = asked("outer", thunk(name(s.target.id)), new)
            return ast.copy_location(ast.Assign([s.target], new), s)
        return ast.copy_location(ast.Expr(_store(s.target, s.value, op)), s)

    def visit_Delete(self, s: ast.Delete) -> Any:
        """An effect."""
        self.generic_visit(s)
        return [_effect("del", s), s]

    def visit_Expr(self, s: ast.Expr) -> Any:
        """`yield` is an effect."""
        effect = _own(s, (ast.Yield, ast.YieldFrom))
        self.generic_visit(s)
        return [_effect("yield", s), s] if effect else s

    # ---- expressions ---------------------------------------------------------------------------

    def visit_Lambda(self, e: ast.Lambda) -> Any:
        """Its body is an expression like any other."""
        self.generic_visit(e)
        return e

    def visit_IfExp(self, e: ast.IfExp) -> Any:
        """`a if test else b`."""
        place = self._place(e)
        bound = _own(e.body, BOUND_TO_FRAME) or _own(e.orelse, BOUND_TO_FRAME)
        self.generic_visit(e)
        if bound:
            return e
        return ast.copy_location(asked("either", e.test, place, thunk(e.body), thunk(e.orelse)), e)

    def visit_BoolOp(self, e: ast.BoolOp) -> Any:
        """`a and b`, `a or b`."""
        place = self._place(e)
        bound = any(_own(x, BOUND_TO_FRAME) for x in e.values[1:])
        self.generic_visit(e)
        if bound:
            return e
        method = "both" if isinstance(e.op, ast.And) else "one"
        result = e.values[-1]
        for x in reversed(e.values[:-1]):
            result = asked(method, x, place, thunk(result))
        return ast.copy_location(result, e)

    def visit_UnaryOp(self, e: ast.UnaryOp) -> Any:
        """`not a`."""
        self.generic_visit(e)
        return ast.copy_location(asked("no", e.operand), e) if isinstance(e.op, ast.Not) else e

    def visit_Compare(self, e: ast.Compare) -> Any:
        """`a < b < c`, `a in b`, `a is b`."""
        plain = len(e.ops) == 1 and not isinstance(
            e.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn
        )
        bound = any(_own(x, BOUND_TO_FRAME) for x in e.comparators)
        place = self._place(e)
        self.generic_visit(e)
        if plain or bound:
            return e
        ops = _constant(tuple(type(op).__name__ for op in e.ops))
        return ast.copy_location(
            asked("compared", ops, place, e.left, *[thunk(x) for x in e.comparators]), e
        )

    def visit_Subscript(self, e: ast.Subscript) -> Any:
        """`x[k]`."""
        self.generic_visit(e)
        if not isinstance(e.ctx, ast.Load) or isinstance(e.slice, ast.Slice):
            return e
        return ast.copy_location(asked("item", e.value, e.slice), e)

    def visit_Call(self, e: ast.Call) -> Any:
        """`f(…)`, f being what the helper has in its place."""
        if isinstance(e.func, ast.Attribute) and ast.unparse(e.func.value) == HELPER:
            self.generic_visit(e)
            return e
        if isinstance(e.func, ast.Name) and e.func.id in ("sum", "len") and len(e.args) == 1:
            e.args[0] = _counted(e.args[0], e.func.id)
            if e.func.id == "len" and isinstance(e.args[0], ast.GeneratorExp):
                e.func = ast.copy_location(name("sum"), e.func)
        self.generic_visit(e)
        if isinstance(e.func, ast.Name) and e.func.id == "super":
            return e
        e.func = ast.copy_location(asked("call", e.func), e.func)
        return e


def _is_local(t: ast.expr, outer: set[str]) -> bool:
    if isinstance(t, ast.Tuple | ast.List):
        return all(_is_local(x, outer) for x in t.elts)
    if isinstance(t, ast.Starred):
        return _is_local(t.value, outer)
    return isinstance(t, ast.Name) and t.id not in outer


def _effect(what: str, s: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(asked("effect", ast.Constant(what))), s)


def _store(target: ast.expr, value: ast.expr, op: ast.expr | None = None) -> ast.expr:
    """`target = value`, or `target op= value`, of an element or an attribute."""
    given = [value] if op is None else [value, op]
    if isinstance(target, ast.Attribute):
        return asked("set_attribute", target.value, ast.Constant(target.attr), *given)
    assert isinstance(target, ast.Subscript)
    key = target.slice
    if isinstance(key, ast.Slice):
        parts = [x or ast.Constant(None) for x in (key.lower, key.upper, key.step)]
        key = ast.Call(asked("slice"), parts, [])
    return asked("set_item", target.value, key, *given)


def _counted(e: ast.expr, of: str) -> ast.expr:
    """`f(v) for v in x if c` as `f(v) if c else 0 for v in x`: in a sum that is the same."""
    if not isinstance(e, ast.GeneratorExp | ast.ListComp) or not e.generators[-1].ifs:
        return e
    if of == "len" and not isinstance(e, ast.ListComp):
        return e
    last = e.generators[-1]
    test = last.ifs[0] if len(last.ifs) == 1 else ast.BoolOp(ast.And(), last.ifs)
    for inner in ast.walk(e):
        if isinstance(inner, BOUND_TO_FRAME):
            return e
    value: ast.expr = ast.Constant(1) if of == "len" else e.elt
    chosen = ast.IfExp(test, value, ast.Constant(0))
    ast.copy_location(chosen, test)
    ast.copy_location(test, last.ifs[0])
    ast.copy_location(value, e.elt)
    ast.copy_location(chosen.orelse, e.elt)
    last.ifs = []
    return ast.copy_location(ast.GeneratorExp(chosen, e.generators), e)
