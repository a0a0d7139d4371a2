"""The C of every row of the op table, made from the row itself.

    python csrc/generate.py build/rows.h

Nothing is imported but the table's own file, so that no dependency is needed to build.
"""

from __future__ import annotations

import re
import sys
import types
import zlib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from symbols import PACKAGE, module, printed, symbolic, text

Symbol, tree, rebound = symbolic.Symbol, symbolic.tree, symbolic.rebound
OPERATORS = {"+": "add", "-": "subtract", "*": "multiply", "/": "true_divide"}  # C's names
POWER = "**"  # an operator in C by hand: its row depends on the exponent
OPERATORS_OF_ONE = {"neg": "negative", "abs": "absolute"}
INPUTS = ("a", "b", "c")


def function(row: Any) -> str:
    """`f_name`: the value of a row."""
    names = arguments(row)
    body = printed(tree(rebound(row.f), *map(Symbol, names)), lambda y: f"return {text(y)};")
    parameters = ", ".join(f"double {name}" for name in names)
    return f"static inline double f_{row.name}({parameters}) {{ {body} }}"


def pull(row: Any, m: Any) -> str:
    """The case of a row in the backward pass: each input's gradient gains its share."""
    names = arguments(row)
    shares = tree(rebound(row.vjp), m, *map(Symbol, ["g", "y", *names]))
    code = printed(
        shares, lambda given: " ".join(f"s{i} = {text(x)};" for i, x in enumerate(given))
    )
    inputs = INPUTS[: row.arity]
    lines = [f"Value *const {x}_ = {place(row, x)};" for x in inputs]
    used = [name for name in names if re.search(rf"\b{name}\b", code)]
    lines += [f"const double {x} = {'v->k' if x == 'k' else f'number({x}_)'};" for x in used]
    lines.append("double " + ", ".join(f"s{i}" for i in range(row.arity)) + ";")
    lines.append(code)
    lines += [f"{x}_->grad += s{i};" for i, x in enumerate(inputs)]
    return f"case ROW_{row.name}: {{ {' '.join(lines)} break; }}"


def place(row: Any, name: str) -> str:
    """Where a node of this row keeps an input."""
    if name == "a" or row.arity < 3:
        return f"v->{name}"
    return f"v->rest->{name}"


def arguments(row: Any) -> list[str]:
    """The names of inputs and static parameter."""
    return [*INPUTS[: row.arity], *["k"] * row.has_static]


def applied(row: Any) -> str:
    """The case of a row in `value_of`: its value from an array of numbers."""
    given = ", ".join(f"x[{i}]" for i in range(len(arguments(row))))
    return f"case ROW_{row.name}: return f_{row.name}({given});"


def definitions(row: Any) -> str:
    """The operator and method of a row; the macros are in operators.h."""
    if row.arity == 1 and not (row.method or row.has_static):
        return ""
    if row.arity == 1:
        return f"STATIC({row.name}, {row.static})" if row.static else f"UNARY({row.name})"
    return f"BINARY({row.name})" if row.symbol in (*OPERATORS, POWER) else ""


def method(row: Any) -> str:
    """The entry of a row in the list of methods, if it has one."""
    if row.arity != 1 or not (row.method or row.has_static):
        return ""
    name, flags = (f"_{row.name}", "METH_O") if row.has_static else (row.name, "METH_NOARGS")
    doc = quoted(row.text(*["x", "k"][: 1 + row.has_static]))
    return f'{{"{name}", method_{row.name}, {flags}, {doc}}},'


def quoted(words: str) -> str:
    """A C string of these words."""
    return (
        '"'
        + "".join(
            c if " " <= c <= "~" and c not in '"\\?' else "".join(f"\\{b:03o}" for b in c.encode())
            for c in words
        )
        + '"'
    )


def slot(row: Any) -> str:
    """The entry of a row in the list of operators, if it is one."""
    name = OPERATORS.get(row.symbol) if row.arity == 2 else OPERATORS_OF_ONE.get(row.name)
    return f"{{Py_nb_{name}, operator_{row.name}}}," if name else ""


def generated(table: types.ModuleType, fingerprint: int) -> str:
    """All of it: what operators.h and backward.h include."""
    m, rows = symbolic.SymbolicRows(table.OPS), list(table.OPS.values())

    def block(name: str, make: Any) -> str:
        lines = [line for line in map(make, rows) if line]
        return f"#define {name} \\\n" + " \\\n".join(lines)

    return "\n".join([
        "/* Made by csrc/generate.py from micrograd/ops.py. */",
        f"#define FINGERPRINT {fingerprint}UL",
        "enum { ROW_LEAF, ROW_OPERAND, ROW_STORED, ROW_BY_HAND,",
        *[f"    ROW_{row.name}," for row in rows], "    ROWS };",
        "static const char *const row_names[] = {", *[f'    "{r.name}",' for r in rows], "};",
        "static const unsigned char row_arity[] = {0, 0, 0, 0,",
        *[f"    {row.arity}," for row in rows], "};",
        "static const unsigned char row_has_static[] = {0, 0, 0, 0,",
        *[f"    {int(row.has_static)}," for row in rows], "};",
        *[function(row) for row in rows],
        block("PULLS", lambda row: pull(row, m)),
        block("VALUES", applied), block("DEFINITIONS", definitions),
        block("METHODS", method), block("SLOTS", slot),
    ]) + "\n"  # fmt: skip


def main(target: str) -> None:
    """Write the header."""
    fingerprint = zlib.crc32((PACKAGE / "ops.py").read_bytes())
    Path(target).write_text(generated(module("ops"), fingerprint), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
