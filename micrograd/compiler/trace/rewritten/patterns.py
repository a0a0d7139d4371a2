"""`case float(v)` written as `case v if isinstance(v, float)`, which traced numbers know about."""

from __future__ import annotations

import ast

from micrograd.compiler.trace.rewritten.lowering import HELPER, name

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
