"""Expressions written anew so that they ask the helper what a traced number would decide.

So are patterns: `case float(v)` becomes `case v if isinstance(v, float)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from micrograd.compiler.trace.rewritten.lowering import HELPER, Scopes, asked, name

BOUND_TO_FRAME = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)


def _constant(x: tuple[Any, ...]) -> ast.expr:
    return ast.Tuple([ast.Constant(part) for part in x], ast.Load())


def arguments(names: Iterable[str]) -> ast.arguments:
    """Positional arguments of these names."""
    return ast.arguments([], [ast.arg(x) for x in names], None, [], [], None, [])


def thunk(value: ast.expr) -> ast.expr:
    """`lambda: value`."""
    return ast.copy_location(ast.Lambda(arguments(()), value), value)


def own(node: ast.AST, wanted: type[ast.AST] | tuple[type[ast.AST], ...]) -> bool:
    """Whether there is such a node below, in the same scope."""
    if isinstance(node, wanted):
        return True
    if isinstance(node, Scopes):
        return False
    return any(own(child, wanted) for child in ast.iter_child_nodes(node))


class Expressions(ast.NodeTransformer):
    """Rewrites the expressions of one function."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._count = 0

    def place(self, e: ast.expr) -> ast.expr:
        """What a branch is called: where it stands."""
        return _constant((self._path, getattr(e, "lineno", 0), getattr(e, "col_offset", 0)))

    def visit_Lambda(self, e: ast.Lambda) -> Any:
        """Its body is an expression like any other."""
        self.generic_visit(e)
        return e

    def visit_ListComp(self, e: ast.ListComp) -> Any:
        """`[…]`, of elements that may not be there."""
        made = self._elements(e)
        return e if made is None else ast.copy_location(asked("listed", *made), e)

    def visit_GeneratorExp(self, e: ast.GeneratorExp) -> Any:
        """`(… for …)`, of elements that may not be there."""
        made = self._elements(e)
        return e if made is None else ast.copy_location(asked("elements", *made), e)

    def visit_DictComp(self, e: ast.DictComp) -> Any:
        """`{k: v for …}`, of entries that may not be there."""
        made = self._elements(e)
        return e if made is None else ast.copy_location(asked("entries", *made), e)

    def _elements(self, e: ast.ListComp | ast.GeneratorExp | ast.DictComp) -> Any:
        """Where it stands, and for each element what it comes from, whether it is there, and it."""
        place = self.place(e)
        bound = any(isinstance(n, BOUND_TO_FRAME) for n in ast.walk(e))
        self.generic_visit(e)
        if bound or any(g.is_async for g in e.generators):
            return None
        value = ast.Tuple([e.key, e.value], ast.Load()) if isinstance(e, ast.DictComp) else e.elt
        generators, sources = [], []
        for g in e.generators:
            self._count += 1
            source = f"{HELPER}from{self._count}"
            sources.append(source)
            there = ast.Tuple([asked("that", name(source))], ast.Load())
            g.iter = asked("each", g.iter)
            outer = ast.comprehension(ast.Name(source, ast.Store()), g.iter, [], 0)
            generators += [outer, ast.comprehension(g.target, there, g.ifs, 0)]
        tests, generators[-1].ifs = generators[-1].ifs, []
        test = thunk(tests[0] if len(tests) == 1 else self._all(tests, place))
        listed = ast.Tuple([name(x) for x in sources], ast.Load())
        element = ast.Tuple([listed, test, thunk(value)], ast.Load())
        return place, ast.copy_location(ast.GeneratorExp(element, generators), e)

    def _all(self, tests: list[ast.expr], place: ast.expr) -> ast.expr:
        """All tests in turn; True if there are none."""
        result: ast.expr = tests[-1] if tests else ast.Constant(True)
        for x in reversed(tests[:-1]):
            result = asked("both", x, place, thunk(result))
        return result

    def visit_IfExp(self, e: ast.IfExp) -> Any:
        """`a if test else b`."""
        place = self.place(e)
        bound = own(e.body, BOUND_TO_FRAME) or own(e.orelse, BOUND_TO_FRAME)
        self.generic_visit(e)
        if bound:
            return e
        return ast.copy_location(asked("either", e.test, place, thunk(e.body), thunk(e.orelse)), e)

    def visit_BoolOp(self, e: ast.BoolOp) -> Any:
        """`a and b`, `a or b`."""
        place = self.place(e)
        bound = any(own(x, BOUND_TO_FRAME) for x in e.values[1:])
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
        bound = any(own(x, BOUND_TO_FRAME) for x in e.comparators)
        place = self.place(e)
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
        if not isinstance(e.ctx, ast.Load):
            return e
        return ast.copy_location(asked("item", e.value, without_slices(e.slice)), e)

    def visit_Call(self, e: ast.Call) -> Any:
        """`f(…)`, f being what the helper has in its place."""
        if isinstance(e.func, ast.Attribute) and ast.unparse(e.func.value) == HELPER:
            self.generic_visit(e)
            return e
        self.generic_visit(e)
        if isinstance(e.func, ast.Name) and e.func.id == "super":
            return e
        e.func = ast.copy_location(asked("call", e.func), e.func)
        return e


def without_slices(key: ast.expr) -> ast.expr:
    """`a:b:c` as `slice(a, b, c)`."""
    if isinstance(key, ast.Tuple):
        return ast.copy_location(ast.Tuple(list(map(without_slices, key.elts)), ast.Load()), key)
    if not isinstance(key, ast.Slice):
        return key
    parts = [x or ast.Constant(None) for x in (key.lower, key.upper, key.step)]
    return ast.copy_location(asked("slice", *parts), key)


NUMBERS = ("float", "int", "bool")


class NumberPatterns(ast.NodeTransformer):
    """Takes patterns of numbers out of one case; `guards` are what they ask."""

    def __init__(self, place: str) -> None:
        self._place = place
        self.guards: list[ast.expr] = []

    def visit_MatchClass(self, p: ast.MatchClass) -> ast.pattern:
        """`float(v)`; what is in an object of another class."""
        self.generic_visit(p)
        return self._asked([p]) or p

    def visit_MatchOr(self, p: ast.MatchOr) -> ast.pattern:
        """`float(v) | int(v)`; of others all have to be left as they are."""
        classes = [x for x in p.patterns if isinstance(x, ast.MatchClass)]
        return (self._asked(classes) if len(classes) == len(p.patterns) else None) or p

    def _asked(self, classes: list[ast.MatchClass]) -> ast.pattern | None:
        inside = [x.patterns for x in classes]
        first: ast.pattern = inside[0][0] if inside[0] else ast.MatchAs()
        if not all(_is_number(x) for x in classes) or any(
            [ast.dump(x) for x in xs] != [ast.dump(x) for x in inside[0]] for xs in inside
        ):
            return None
        if isinstance(first, ast.MatchAs) and first.name is not None:
            made = first
        else:
            inner = None if isinstance(first, ast.MatchAs) else first
            made = ast.MatchAs(inner, f"{HELPER}case{self._place}_{len(self.guards)}")
        sorts = ast.Tuple([x.cls for x in classes], ast.Load())
        self.guards.append(ast.Call(name("isinstance"), [name(str(made.name)), sorts], []))
        return ast.copy_location(made, classes[0])


def without_numbers(case: ast.match_case, place: str) -> ast.match_case:
    """The case, with guards in the place of patterns of numbers."""
    patterns = NumberPatterns(place)
    case.pattern = patterns.visit(case.pattern)
    guards = [ast.copy_location(x, case.pattern) for x in patterns.guards]
    if guards:
        guards += [case.guard] if case.guard is not None else []
        whole = guards[0] if len(guards) == 1 else ast.BoolOp(ast.And(), guards)
        case.guard = ast.copy_location(whole, case.pattern)
    return case


def _is_number(p: ast.MatchClass) -> bool:
    named = isinstance(p.cls, ast.Name) and p.cls.id in NUMBERS
    return named and len(p.patterns) < 2 and not p.kwd_patterns
