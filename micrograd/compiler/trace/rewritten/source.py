"""The syntax tree of a function, found in its file for certain or not at all."""

from __future__ import annotations

import ast
import copy
import inspect
from collections import defaultdict
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

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
        starting = _by_first_line("".join(lines)).get(code.co_firstlineno, [])
    except (OSError, TypeError, SyntaxError, ValueError, IndexError) as error:
        raise NoSource(f"there is no source text of {fn.__qualname__}") from error
    found = [node for node in starting if _is(node, code)]
    if len(found) != 1:
        raise NoSource(f"the source text of {fn.__qualname__} is not found for certain")
    node = found[0]
    if not _same_names(node, code):
        raise NoSource(f"the source text of {fn.__qualname__} has changed since it was loaded")
    return copy.deepcopy(node)


@lru_cache(maxsize=8)
def _by_first_line(text: str) -> dict[int, list[FunctionNode]]:
    """The functions of a file by the line that their code begins at, that of a decorator."""
    found = defaultdict[int, list[FunctionNode]](list)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            found[min([node.lineno, *(d.lineno for d in node.decorator_list)])].append(node)
        elif isinstance(node, ast.Lambda):
            found[node.lineno].append(node)
    return found


def _is(node: FunctionNode, code: CodeType) -> bool:
    """Whether it is this function, of those that begin at its line."""
    if isinstance(node, ast.FunctionDef):
        return node.name == code.co_name
    body = node.body
    whole = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    return code.co_name == "<lambda>" and whole == _from_to(code)


def _from_to(code: CodeType) -> tuple[Any, Any]:
    """Where the first and the last of a lambda's instructions begin and end."""
    own = [((line, column), (end_line, end_column))
           for line, end_line, column, end_column in code.co_positions()
           if None not in (line, end_line, column, end_column)]  # fmt: skip
    written = [(start, end) for start, end in own if start != end]  # what begins it has no text
    starts, ends = [start for start, _ in written], [end for _, end in written]
    return min(starts, default=None), max(ends, default=None)


def _same_names(node: FunctionNode, code: CodeType) -> bool:
    """Whether the arguments are those of the code: the file may have been edited."""
    a = node.args
    names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return names == list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
