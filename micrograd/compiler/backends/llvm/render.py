"""A program as LLVM's text.

Nests that differ in nothing but where their operands lie share a function, which takes pointers.
The arrays' addresses are in a global table, so that `run` takes nothing. Where all is finite,
`step` goes on with an update: `next` is the address of where its `run_on` is, which takes what it
reads of the work of the program before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from micrograd.compiler.backends.llvm import listed
from micrograd.compiler.backends.llvm.calls import CallWriter
from micrograd.compiler.backends.llvm.ir import DOUBLE, FLOAT, Machine
from micrograd.compiler.backends.llvm.module import ModuleText, table_entry
from micrograd.compiler.nest.ir import GRADIENTS, WORK, Integers, Program, Range, Space


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A program's text, and what it runs on."""

    text: str
    spaces: tuple[Space, ...]  # whose addresses the table begins with
    integers: tuple[Integers, ...]  # whose addresses follow


def render(program: Program, dtype: Any, machine: Machine) -> Text:
    """The text of a program for a machine."""
    precision = FLOAT if np.dtype(dtype) == np.float32 else DOUBLE
    spaces = (WORK, *program.sizes)
    module = ModuleText(precision, machine, spaces)
    calls = CallWriter(module, program.lanes)
    done = 0
    for shares in program.shares:
        calls.nests(program, done, shares.first)
        calls.shares(program, shares)
        done = shares.end
    if program.groups is None:
        calls.nests(program, done, len(program.nests))
        calls.sequence(program.sequence)
    else:
        calls.nests(program, 0, program.groups.first)
        before = module.calls_of_parts()
        calls.nests(program, program.groups.first, len(program.nests))
        calls.sequence(program.sequence)
        module.run_groups(before, module.calls_of_parts(), program)
    parts = module.calls_of_parts()
    if program.loss is None:
        functions = _update(parts, spaces.index(GRADIENTS))
    else:
        check = _check([(program.loss, 1), *program.checked], module)
        functions = [
            "define double @run() #0 {",
            "entry:", *parts, *check, *_answer(program.loss, module),
            "}",
            *STEP,
        ]  # fmt: skip
    return Text(module.text(functions), spaces, tuple(module.integers))


STEP = """\
@next = global ptr null
@before = global ptr null
define double @step() #0 {
entry:
  %loss = call double @run()
  %finite = fcmp ord double %loss, %loss
  br i1 %finite, label %update, label %done
update:
  %cell = load ptr, ptr @next
  %run_on = load ptr, ptr %cell
  %before = load ptr, ptr @before
  call void %run_on(ptr %before)
  br label %done
done:
  ret double %loss
}""".splitlines()


def _update(parts: list[str], place: int) -> list[str]:
    """The functions of an update, whose gradients may be made to lie elsewhere for each run."""
    return [
        "define double @run() #0 {",
        "entry:", *parts, f"  ret double {DOUBLE.constant(0.0)}",
        "}",
        "define void @run_on(ptr %gradients) #0 {",
        "entry:",
        f"  store ptr %gradients, ptr {table_entry(place)}",
        "  %loss = call double @run()",
        "  ret void",
        "}",
    ]  # fmt: skip


def _check(ranges: list[Range], module: ModuleText) -> list[str]:
    """Go to `stop` where a number that is checked is not finite."""
    number, zero = module.precision.name, module.precision.constant(0.0)
    lines = [f"  %work = load ptr, ptr {table_entry(0)}"]
    for k, (base, length) in enumerate(_joined(ranges)):
        lines.append(f"  %p{k} = getelementptr {number}, ptr %work, i64 {base}")
        if length == 1:
            lines += [
                f"  %x{k} = load {number}, ptr %p{k}",
                f"  %zero{k} = fmul {number} %x{k}, {zero}",
                f"  %finite{k} = fcmp ord {number} %zero{k}, {zero}",
            ]
        else:
            write = partial(listed.emit_finite, n=length)
            name = module.function(("finite", length), "ptr %p", write, "i1")
            lines.append(f"  %finite{k} = call i1 @{name}(ptr %p{k})")
        lines += [f"  br i1 %finite{k}, label %checked{k}, label %stop", f"checked{k}:"]
    return lines


def _answer(loss: int, module: ModuleText) -> list[str]:
    """Return the loss; nan after `stop`."""
    number = module.precision.name
    lines = [
        f"  %at = getelementptr {number}, ptr %work, i64 {loss}",
        f"  %loss = load {number}, ptr %at",
    ]
    if module.precision is FLOAT:
        lines += ["  %wide = fpext float %loss to double", "  ret double %wide"]
    else:
        lines.append("  ret double %loss")
    return [*lines, "stop:", f"  ret double {DOUBLE.constant(math.nan)}"]


def _joined(ranges: list[Range]) -> list[Range]:
    """The ranges, with those that touch made one."""
    joined: list[Range] = []
    for base, length in sorted(r for r in ranges if r[1]):
        if joined and base <= sum(joined[-1]):
            start, before = joined[-1]
            joined[-1] = (start, max(before, base + length - start))
        else:
            joined.append((base, length))
    return joined
