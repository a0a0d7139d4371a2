"""The syntax tree of a function, found in its file for certain or not at all."""

from __future__ import annotations

import ast
import copy
import inspect
from functools import lru_cache
from types import CodeType, FunctionType

FunctionNode = ast.FunctionDef | ast.Lambda


class NoSource(Exception):  # noqa: N818  (a finding, answered by other means)
    """The text of a function is not known for certain; the reason is the text of this."""


def tree_of(fn: FunctionType) -> FunctionNode:
    """A copy of the function's tree that may be changed; raises NoSource.

    What is looked for is the code of the function itself, not of what a decorator wraps.
    """
    code = fn.__code__
    try:
        lines, _ = inspect.findsource(code)
        tree = _parsed("".join(lines))
    except (OSError, TypeError, SyntaxError, ValueError, IndexError) as error:
        raise NoSource(f"there is no source text of {fn.__qualname__}") from error
    found = [node for node in ast.walk(tree) if _is(node, code)]
    if len(found) != 1:
        raise NoSource(f"the source text of {fn.__qualname__} is not found for certain")
    node = found[0]
    assert isinstance(node, FunctionNode)
    if not _same_names(node, code):
        raise NoSource(f"the source text of {fn.__qualname__} has changed since it was loaded")
    return copy.deepcopy(node)


@lru_cache(maxsize=8)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _is(node: ast.AST, code: CodeType) -> bool:
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    if not isinstance(node, ast.Lambda) or code.co_name != "<lambda>":
        return False
    body = node.body
    whole = body.lineno, body.end_lineno, body.col_offset, body.end_col_offset
    return node.lineno == code.co_firstlineno and whole in code.co_positions()


def _same_names(node: FunctionNode, code: CodeType) -> bool:
    """Whether the arguments are those of the code: the file may have been edited."""
    a = node.args
    names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return names == list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
