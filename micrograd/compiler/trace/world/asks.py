"""What the user's code asks of numbers and arrays that stand-ins would answer otherwise."""

from __future__ import annotations

from dis import get_instructions, opmap
from types import CodeType

from micrograd.compiler.trace.world.reachable import is_in_users_file

IS_OP, LOAD_CONST, MATCH_CLASS = (opmap[x] for x in ("IS_OP", "LOAD_CONST", "MATCH_CLASS"))
# Names with which code asks of which type something is.
NUMBER_TYPES = frozenset(
    ["int", "float", "bool", "complex", "Number", "Real", "Integral", "number", "integer",
     "floating", "generic", "bool_", "int64", "float64", "float32", "__name__"]
)  # fmt: skip
TYPES = {"isinstance", "type", "issubclass", "hasattr", "__class__", "dtype", "is_integer"}
# Names with which it asks how arrays lie in memory.
LAYOUT = frozenset(
    ["strides", "flags", "itemsize", "nbytes", "base", "ctypes", "getsizeof", "isfortran",
     "shares_memory", "may_share_memory", "__array_interface__"]
)  # fmt: skip
# Names of what arithmetic raises; how errors are caught, and how only some, or those of `with`.
RAISED = frozenset(
    ["ZeroDivisionError", "OverflowError", "ArithmeticError", "ValueError", "Exception",
     "BaseException", "suppress"]
)  # fmt: skip
CATCHES = opmap.get("PUSH_EXC_INFO", opmap.get("SETUP_FINALLY", -1))
MATCHES = {opmap.get(x, -1)
           for x in ("CHECK_EXC_MATCH", "JUMP_IF_NOT_EXC_MATCH", "WITH_EXCEPT_START")}  # fmt: skip


def asks_numbers(code: CodeType) -> bool:
    """Whether a number may be asked for its type by the name of one: stand-ins are of others."""
    inner = [x for x in code.co_consts if isinstance(x, CodeType)]
    asks = not (TYPES.isdisjoint(code.co_names) or NUMBER_TYPES.isdisjoint(code.co_names))
    return asks or MATCH_CLASS in code.co_code[::2] or any(map(asks_numbers, inner))


def catches(code: CodeType) -> bool:
    """Whether it may catch an error that numbers raise: it names one, or catches all."""
    inner = [x for x in code.co_consts if isinstance(x, CodeType)]
    if not RAISED.isdisjoint(code.co_names) or any(map(catches, inner)):
        return True
    ops = set(code.co_code[::2])
    return CATCHES in ops and ops.isdisjoint(MATCHES)


def asks_types(code: CodeType) -> bool:
    """Whether something may be asked for its type, also by `case int():` of `match`."""
    inner = [x for x in code.co_consts if isinstance(x, CodeType)]
    asks = not TYPES.isdisjoint(code.co_names) or MATCH_CLASS in code.co_code[::2]
    return asks or any(map(asks_types, inner))


def asks_layout(code: CodeType) -> bool:
    """Whether it may ask how arrays lie in memory."""
    inner = [x for x in code.co_consts if isinstance(x, CodeType)]
    return not LAYOUT.isdisjoint(code.co_names) or any(map(asks_layout, inner))


def asks_truths(code: CodeType) -> bool:
    """Whether something is compared with True or False by `is`, as `match` does: by no method."""
    inner = [x for x in code.co_consts if isinstance(x, CodeType)]
    if any(map(asks_truths, inner)):
        return True
    truths = {k for k, x in enumerate(code.co_consts) if x is True or x is False}
    ops, args = code.co_code[::2], code.co_code[1::2]
    return any(
        op == IS_OP and ops[k - 1] == LOAD_CONST and args[k - 1] in truths
        for k, op in enumerate(ops) if k and truths
    )  # fmt: skip


def asks_identity(code: CodeType, also_of_globals: bool = False) -> bool:
    """Whether code asks if two things are the same, neither a constant, or what a global holds."""
    if any(asks_identity(x, also_of_globals) for x in code.co_consts if isinstance(x, CodeType)):
        return True
    if "id" in code.co_names:
        return True
    generated = code.co_filename == "<string>" and code.co_name == "__eq__"  # of a dataclass
    if generated or IS_OP not in code.co_code[::2] or not is_in_users_file(code.co_filename):
        return False
    fixed = {"LOAD_CONST"} if also_of_globals else {"LOAD_CONST", "LOAD_GLOBAL"}
    before = ""  # what put the right operand there
    for instruction in get_instructions(code):
        if instruction.opname == "IS_OP" and before not in fixed:
            return True
        if not (instruction.opname == "LOAD_ATTR" and before == "LOAD_GLOBAL"):
            before = instruction.opname
    return False
