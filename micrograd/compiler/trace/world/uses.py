"""Which entries of a dict or list code reads, where it says so itself: `state["rate"]`.

Code that reads a container by constant keys, wherever it names it, reads no other entries. What it
does otherwise with it (a loop, `len`, a call, a key that is computed) may read all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dis import Instruction, get_instructions
from functools import lru_cache
from types import CodeType
from typing import Any

# Names in the user's code with which objects are read by names that are made at run time.
BY_ANY_NAME = frozenset(
    ["getattr", "vars", "globals", "locals", "eval", "exec", "__dict__", "__getattribute__",
     "attrgetter", "parameters", "named_parameters", "state_dict", "modules", "named_modules",
     "children", "named_children", "buffers", "named_buffers"]
)  # fmt: skip
# With these, all attributes: `getattr` with a name that is no constant, and what gives them all.
OF_ALL = frozenset(["vars", "__dict__", "attrgetter", "eval", "exec"])
MOST_CODES = 4096  # that are known
Spelled = tuple[Any, ...]  # a name, and keys: ("config", "optimizer") is config["optimizer"]


class Uses:
    """What codes read of the containers that they name.

    >>> uses = Uses([(lambda: state["rate"] * config["model"]["width"]).__code__])
    >>> uses.of(("state",)), uses.of(("config", "model"))
    (['rate'], ['width'])
    >>> uses.of(("config", "model", "width")) is None, uses.of(("other",))
    (True, [])
    """

    def __init__(self, codes: Iterable[CodeType]) -> None:
        self._keys: dict[Spelled, dict[Any, None]] = {}
        self._whole: set[Spelled] = set()
        self._written: set[Spelled] = set()
        for code in codes:
            found = _uses_of(code)
            for path, keys in found._keys.items():
                self._keys.setdefault(path, {}).update(keys)
            self._whole |= found._whole
            self._written |= found._written

    def of(self, path: Spelled | None) -> list[Any] | None:
        """The keys by which it is read; None if anything may be."""
        if path is None or path in self._whole:
            return None
        return list(self._keys.get(path, ()))

    def writes(self, path: Spelled | None) -> bool:
        """Whether entries are set."""
        return path is None or path in self._written

    def _look(self, code: CodeType) -> None:
        instructions = list(get_instructions(code))
        for k, i in enumerate(instructions):
            if not i.opname.startswith("LOAD_") or i.opname in ("LOAD_CONST", "LOAD_CLOSURE"):
                continue
            if isinstance(i.argval, str):
                self._follow((i.argval,), instructions, k)
            elif isinstance(i.argval, tuple):  # several at once: the last one is what is read from
                self._whole.update((name,) for name in i.argval)
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                self._look(inner)

    def _follow(self, path: Spelled, code: list[Instruction], k: int) -> None:
        """Note what is done with what an instruction has loaded, which has that path."""
        after = [*code[k + 1 : k + 5], None, None, None, None]
        first, second, third, fourth = after[:4]
        before = code[k - 1] if k else None
        if _is_constant(first):
            if _subscripts(second):
                self._note(path, first)
                self._follow((*path, _constant(first)), code, k + 2)
                return
            if second is not None and second.opname == "STORE_SUBSCR":
                self._note(path, first)
                self._written.add(path)
                self._whole.add((*path, _constant(first)))
                return
            copied = all(x is not None and x.opname == "COPY" for x in (second, third))
            if copied and _subscripts(fourth):  # `state["n"] += 1`
                self._note(path, first)
                self._written.add(path)
                self._whole.add((*path, _constant(first)))
                return
        asked = first is not None and first.opname == "CONTAINS_OP" and len(path) == 1
        if asked and _is_constant(before):
            self._note(path, before)
            return
        asks = first is not None and first.opname in ("LOAD_METHOD", "LOAD_ATTR")
        if asks and first.argval == "get" and _is_constant(second):  # type: ignore[union-attr]
            self._note(path, second)
            self._whole.add((*path, _constant(second)))
            return
        self._whole.add(path)

    def _note(self, path: Spelled, constant: Instruction | None) -> None:
        self._keys.setdefault(path, {})[_constant(constant)] = None


@lru_cache(MOST_CODES)
def reads_by_any_name(code: CodeType) -> bool:
    """Whether it reads attributes by names that are made at run time.

    >>> reads_by_any_name((lambda x, k: getattr(x, f"layer{k}")).__code__)
    True
    >>> reads_by_any_name((lambda x: getattr(x, "rate", 0.5)).__code__)
    False
    """
    if any(isinstance(x, CodeType) and reads_by_any_name(x) for x in code.co_consts):
        return True
    if not OF_ALL.isdisjoint(code.co_names):
        return True
    instructions = list(get_instructions(code))
    asks = [k for k, i in enumerate(instructions)
            if i.argval in ("getattr", "hasattr") and i.opname.startswith("LOAD_")]  # fmt: skip
    return not all(_asks_by_constant(instructions[k + 1 :]) for k in asks)


def _asks_by_constant(after: list[Instruction]) -> bool:
    """Whether up to the call nothing is made: an object, its attributes, and constants."""
    texts: list[str] = []
    for i in after:
        if i.opname in ("CALL", "CALL_FUNCTION", "PRECALL"):
            return len(texts) > 0
        if not i.opname.startswith(("LOAD_", "PUSH_NULL", "CACHE")):
            return False
        if isinstance(i.argval, tuple) and not texts:
            return False
        if i.opname == "LOAD_CONST" and isinstance(i.argval, str):
            texts.append(i.argval)
    return False


@lru_cache(MOST_CODES)
def _uses_of(code: CodeType) -> Uses:
    uses = Uses(())
    uses._look(code)
    return uses


def _is_constant(i: Instruction | None) -> bool:
    """Whether it loads what may be a key."""
    known = i is not None and i.opname in ("LOAD_CONST", "LOAD_SMALL_INT")
    return known and isinstance(i.argval, str | int | float | bytes | None)  # type: ignore[union-attr]


def _constant(i: Instruction | None) -> Any:
    return None if i is None else i.argval


def _subscripts(i: Instruction | None) -> bool:
    if i is None:
        return False
    return i.opname == "BINARY_SUBSCR" or (i.opname == "BINARY_OP" and i.argrepr == "[]")
