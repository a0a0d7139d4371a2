"""`return`, `break` and `continue` written as flags, so that a branch that holds one has two sides.

    for x in xs:                        _over = False
        if x == 0:                      for _next in xs:
            break             ─►            _skip = _over
        total = total + x                   if not _skip:
                                                if <_next is there>:
                                                    x = _next
                                                    if x == 0:
                                                        _over = _skip = True
                                                    if not _skip:
                                                        total = total + x
                                            if <_over is True, whatever the numbers>:
                                                break

A flag that depends on traced data is a traced truth: what follows runs on one side of it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

HELPER = "_sides_"  # the name of what rewritten code asks; its own names begin with it
RETURNED, RESULT = f"{HELPER}returned", f"{HELPER}result"
Scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
Jump = type[ast.stmt]


def name(of: str) -> ast.Name:
    """A name that is read."""
    return ast.Name(of, ast.Load())


def assign(to: str, value: ast.expr) -> ast.stmt:
    """`to = value`."""
    return ast.Assign([ast.Name(to, ast.Store())], value)


def asked(method: str, *args: ast.expr) -> ast.Call:
    """A call of the helper."""
    return ast.Call(ast.Attribute(name(HELPER), method, ast.Load()), list(args), [])


def lowered(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body of a function, without jumps out of branches and loops."""
    early = any(ast.Return in _jumps(s) for s in body[:-1])
    early |= ast.Return in _jumps(body[-1]) and not isinstance(body[-1], ast.Return)
    new = _Jumps(early).block(body, ())
    if not early:
        return new
    start = [assign(RETURNED, ast.Constant(False)), assign(RESULT, asked("nothing"))]
    end = ast.Return(asked("returned", name(RETURNED), name(RESULT)))
    return [*start, *new, end]


def _jumps(s: ast.stmt) -> set[Jump]:
    """The jumps out of a statement."""
    if isinstance(s, Scopes):
        return set()
    if isinstance(s, ast.Return | ast.Break | ast.Continue):
        return {type(s)}
    found: set[Jump] = {jump for block in _blocks(s) for inner in block for jump in _jumps(inner)}
    if isinstance(s, ast.For | ast.While):
        outer = {jump for inner in s.orelse for jump in _jumps(inner)}
        return {jump for jump in found if jump is ast.Return} | outer
    return found


def _blocks(s: ast.stmt) -> list[list[ast.stmt]]:
    blocks = [getattr(s, field, []) for field in ("body", "orelse", "finalbody")]
    blocks += [handler.body for handler in getattr(s, "handlers", [])]
    blocks += [case.body for case in getattr(s, "cases", [])]
    return [block for block in blocks if block]


LoopFlags = tuple[tuple[str, str], ...]  # of each loop around, innermost last: over, and skip


class _Jumps:
    """`early`: there are returns that are not the last statement."""

    def __init__(self, early: bool) -> None:
        self._early = early
        self._count = 0

    def block(self, body: Sequence[ast.stmt], loops: LoopFlags) -> list[ast.stmt]:
        """The statements, up to the first that always jumps."""
        new: list[ast.stmt] = []
        for k, s in enumerate(body):
            if isinstance(s, ast.Return | ast.Break | ast.Continue):
                return [*new, *self._jump(s, loops)] or [ast.Pass()]
            jumps = _jumps(s)  # which lowering it takes away
            new += self._statement(s, loops)
            if jumps:
                rest = self.block(body[k + 1 :], loops)
                if rest:
                    new.append(_unless(loops[-1][1] if loops else RETURNED, rest, s))
                return new
        return new

    def _jump(self, s: ast.Return | ast.Break | ast.Continue, loops: LoopFlags) -> list[ast.stmt]:
        flags: list[str] = []
        new: list[ast.stmt] = []
        if isinstance(s, ast.Return):
            if not self._early:
                return [s]
            new = [assign(RESULT, s.value or ast.Constant(None))]
            flags = [RETURNED, *(flag for loop in loops for flag in loop)]
        elif isinstance(s, ast.Break):
            flags = [*loops[-1]]
        else:
            flags = [loops[-1][1]]
        new += [assign(flag, ast.Constant(True)) for flag in flags]
        return [ast.copy_location(x, s) for x in new]

    def _statement(self, s: ast.stmt, loops: LoopFlags) -> list[ast.stmt]:
        if isinstance(s, Scopes):
            return [s]
        if isinstance(s, ast.For | ast.While):
            return self._loop(s, loops)
        for field in ("body", "orelse", "finalbody"):
            if getattr(s, field, None):
                setattr(s, field, self.block(getattr(s, field), loops) or [ast.Pass()])
        for part in (*getattr(s, "handlers", []), *getattr(s, "cases", [])):
            part.body = self.block(part.body, loops) or [ast.Pass()]
        return [s]

    def _loop(self, s: ast.For | ast.While, loops: LoopFlags) -> list[ast.stmt]:
        inside = {jump for inner in s.body for jump in _jumps(inner)}
        self._count += 1
        over, skip, item = (f"{HELPER}{x}{self._count}" for x in ("over", "skip", "next"))
        body = self.block(s.body, (*loops, (over, skip)) if inside else loops)
        ends = bool(inside - {ast.Continue})
        is_endless = isinstance(s, ast.For) and endless(s.iter)
        if isinstance(s, ast.For) and (inside or not _is_range(s.iter)):
            body = _if_there(s, item, body)
        if not inside:
            s.body, s.orelse = body, self.block(s.orelse, loops)
            return [s]
        new: list[ast.stmt] = [assign(skip, name(over) if ends else ast.Constant(False))]
        new += [_unless(skip, body, s)] if ends else body
        if ends:
            decided = isinstance(s, ast.While) or is_endless
            end = asked("decided" if decided else "over", name(over))
            new.append(ast.copy_location(ast.If(end, [ast.Break()], []), s))
        s.body = new
        after = self.block(s.orelse, loops)
        s.orelse = []
        before: list[ast.stmt] = [assign(over, ast.Constant(False))] if ends else []
        return [*before, s, *([_unless(over, after, s)] if after and ends else after)]


def _is_range(iterated: ast.expr) -> bool:
    return isinstance(iterated, ast.Call) and ast.unparse(iterated.func) == "range"


def _if_there(s: ast.For, item: str, body: list[ast.stmt]) -> list[ast.stmt]:
    """The body of a loop over elements that may not be there; the loop is over another name."""
    body = [ast.Assign([s.target], asked("that", name(item))), *body]
    s.target, s.iter = ast.Name(item, ast.Store()), asked("each", s.iter)
    return [ast.copy_location(ast.If(asked("there", name(item)), body, []), s)]


def endless(iterated: ast.expr) -> bool:
    """Whether a loop may be over something without an end, as `itertools.count()` is."""
    return isinstance(iterated, ast.Call) and "count" in ast.unparse(iterated.func)


def _unless(flag: str, body: list[ast.stmt], s: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.If(ast.UnaryOp(ast.Not(), name(flag)), body, []), s)
