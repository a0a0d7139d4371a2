"""A function written anew so that branches on traced data have both their sides traced.

Every construct that asks a number for a decision asks the helper instead (`sides.Sides`), which
does what Python does unless the number is traced. Lines, names, defaults, globals and cells are
those of the original.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable
from types import CellType, CodeType, FunctionType
from typing import Any

from micrograd.compiler.trace.rewritten.expressions import (
    Expressions,
    arguments,
    own,
    thunk,
    without_numbers,
    without_slices,
)
from micrograd.compiler.trace.rewritten.lowering import (
    HELPER,
    asked,
    assign,
    endless,
    lowered,
    name,
)
from micrograd.compiler.trace.rewritten.source import FunctionNode, NoSource, tree_of

BASE = f"{HELPER}base"  # how many sides are around a generator
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
    factory = _definition(f"{HELPER}factory", arguments(outer), [new, ast.Return(name(new.name))])
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


def _inner(code: CodeType, of: str) -> CodeType:
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == of:
            return constant
    raise AssertionError(f"no code of {of}")


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


class _Rewriting(Expressions, ast.NodeTransformer):
    """Rewrites one function and those inside of it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._outer: set[str] = set()  # names of other scopes that the function at hand sets

    def function(self, f: ast.FunctionDef) -> ast.FunctionDef:
        """The function, rewritten."""
        outer, self._outer = self._outer, set()
        for n in ast.walk(f):
            if isinstance(n, ast.Global | ast.Nonlocal):
                self._outer |= set(n.names)
        generates = any(own(s, ast.Yield) for s in f.body)
        f.body = [self.visit(s) for s in lowered(f.body)]
        if generates:
            f.body.insert(0, assign(BASE, asked("depth")))
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

    # ---- statements ----------------------------------------------------------------------------

    def visit_If(self, s: ast.If) -> Any:
        """Both sides, one after the other, if the test is traced."""
        if any(isinstance(x, ast.Break) for x in s.body):
            s.test = self.visit(s.test)  # made by lowering: it ends a loop
            return s
        place = self.place(s.test)
        names = sorted(_assigned([*s.body, *s.orelse]) - self._outer)
        self.generic_visit(s)
        self._count += 1
        side = f"{HELPER}{self._count}"
        getters = [thunk(name(x)) for x in names]
        listed = ast.Tuple([ast.Constant(x) for x in names], ast.Load())

        def part(of: str, body: list[ast.stmt]) -> ast.stmt:
            return ast.If(ast.Attribute(name(side), of, ast.Load()), body, [])

        def end(of: str) -> ast.stmt:
            call = ast.Call(ast.Attribute(name(side), of, ast.Load()), getters, [])
            target = ast.Tuple([ast.Name(x, ast.Store()) for x in names], ast.Store())
            return part("traced", [ast.Assign([target], call) if names else ast.Expr(call)])

        new = [assign(side, asked("branch", s.test, place, listed, *getters)), part("yes", s.body)]
        if s.orelse:
            new += [end("between"), part("no", s.orelse)]
        return [ast.copy_location(x, s) for x in (*new, end("leave"))]

    def visit_Try(self, s: ast.Try) -> Any:
        """A handler first asks whether it is a side of a branch that has raised."""
        self.generic_visit(s)
        self._count += 1
        depth = f"{HELPER}depth{self._count}"
        for handler in s.handlers:
            caught = ast.Expr(asked("caught", name(depth)))
            handler.body.insert(0, ast.copy_location(caught, handler))
        return [ast.copy_location(assign(depth, asked("depth")), s), s]

    def visit_Match(self, s: ast.Match) -> Any:
        """A truth that is matched is decided, and of a number it is asked of which type it is."""
        self._count += 1
        s.cases = [without_numbers(case, f"{self._count}_{k}") for k, case in enumerate(s.cases)]
        self.generic_visit(s)
        s.subject = ast.copy_location(asked("matched", s.subject), s.subject)
        return s

    def visit_Assign(self, s: ast.Assign) -> Any:
        """Elements and attributes are set by the helper; several, one after the other."""
        apart = self._apart(s)
        if apart:
            return [x for one in apart for x in _listed(self.visit(one))]
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

    def _apart(self, s: ast.Assign) -> list[ast.stmt]:
        """`x[i], x[j] = a, b` as `t = a; u = b; x[i] = t; x[j] = u`."""
        target = s.targets[0]
        if len(s.targets) > 1 or not isinstance(target, ast.Tuple | ast.List):
            return []
        if not isinstance(s.value, ast.Tuple | ast.List) or _is_local(target, self._outer):
            return []
        parts = [*target.elts, *s.value.elts]
        if len(target.elts) != len(s.value.elts) or any(isinstance(x, ast.Starred) for x in parts):
            return []
        self._count += 1
        held = [f"{HELPER}part{self._count}_{k}" for k in range(len(target.elts))]
        new = [assign(x, value) for x, value in zip(held, s.value.elts, strict=True)]
        new += [ast.Assign([t], name(x)) for t, x in zip(target.elts, held, strict=True)]
        return [ast.copy_location(x, s) for x in new]

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
        """A `yield` is for where it stands; a method of one of two objects is called on sides."""
        if isinstance(s.value, ast.Yield):
            return self._yielded(s, s.value)
        effect = own(s, (ast.Yield, ast.YieldFrom))
        two = _of_two(s.value)
        if two is not None:
            test, calls = two
            yes, no = (ast.copy_location(ast.Expr(call), s) for call in calls)
            return self.visit(ast.copy_location(ast.If(test, [yes], [no]), s))
        self.generic_visit(s)
        return [_effect("yield", s), s] if effect else s

    def _yielded(self, s: ast.Expr, e: ast.Yield) -> list[ast.stmt]:
        """What is yielded on a side may not be there; who asks for it is not on the side."""
        self.generic_visit(e)
        self._count += 1
        held, base = f"{HELPER}{self._count}", name(BASE)
        new = [
            assign(held, asked("suspended", base, e.value or ast.Constant(None))),
            ast.Expr(ast.Yield(ast.Attribute(name(held), "value", ast.Load()))),
            ast.Expr(asked("resumed", base, name(held))),
        ]
        return [ast.copy_location(x, s) for x in new]


def _listed(found: Any) -> list[ast.stmt]:
    return found if isinstance(found, list) else [found]


def _is_local(t: ast.expr, outer: set[str]) -> bool:
    if isinstance(t, ast.Tuple | ast.List):
        return all(_is_local(x, outer) for x in t.elts)
    if isinstance(t, ast.Starred):
        return _is_local(t.value, outer)
    return isinstance(t, ast.Name) and t.id not in outer


def _of_two(e: ast.expr) -> tuple[ast.expr, list[ast.expr]] | None:
    """`(a if test else b).f(…)` as the test, `a.f(…)` and `b.f(…)`; so is `a[test].f(…)`."""
    if not isinstance(e, ast.Call) or not isinstance(e.func, ast.Attribute):
        return None
    owner = e.func.value
    if isinstance(owner, ast.IfExp):
        test, owners = owner.test, [owner.body, owner.orelse]
    elif isinstance(owner, ast.Subscript) and isinstance(owner.slice, ast.Compare):
        test = owner.slice
        owners = [
            ast.copy_location(ast.Subscript(owner.value, ast.Constant(k), ast.Load()), owner)
            for k in (True, False)
        ]
    else:
        return None
    calls = []
    for x in owners:
        call = copy.deepcopy(e)
        assert isinstance(call.func, ast.Attribute)
        call.func.value = x
        calls.append(call)
    return test, list(calls)


def _effect(what: str, s: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(asked("effect", ast.Constant(what))), s)


def _store(target: ast.expr, value: ast.expr, op: ast.expr | None = None) -> ast.expr:
    """`target = value`, or `target op= value`, of an element or an attribute."""
    given = [value] if op is None else [value, op]
    if isinstance(target, ast.Attribute):
        return asked("set_attribute", target.value, ast.Constant(target.attr), *given)
    assert isinstance(target, ast.Subscript)
    key = without_slices(target.slice)
    return asked("set_item", target.value, key, *given)
