"""Several threads that run shares of a program: one pool of them for all programs.

A share is claimed by whoever comes first: the thread that runs the program, or one that waits for
work. So nobody has to wait for a thread that sleeps, and what is computed depends on the shares
alone. Threads that wait do so in machine code, without Python, for a short while after the last
work; then they sleep, until the next program that has shares wakes them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from threading import Lock, Thread
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from micrograd.compiler.store import aligned

WAITED = 20_000  # looks for work, before a thread goes to sleep
LOOKS = 1_000  # at what others still do, before the processor is left to them

# The slot has, each in a line of its own: whether it is in use, the state of the shares, the
# function that runs one, and how many are done. The state is (turn, count, next): 32 + 16 + 16
# bits, so that a share can be claimed only of the work that it belongs to.
TEXT = """\
define internal i1 @claimed(ptr %slot) {{
entry:
  %state = getelementptr i64, ptr %slot, i64 8
  %cell = getelementptr ptr, ptr %slot, i64 16
  %done = getelementptr i64, ptr %slot, i64 24
  %now = load atomic i64, ptr %state acquire, align 8
  %next = and i64 %now, 65535
  %rest = lshr i64 %now, 16
  %count = and i64 %rest, 65535
  %left = icmp ult i64 %next, %count
  br i1 %left, label %claim, label %none
claim:
  %function = load atomic ptr, ptr %cell acquire, align 8
  %after = add i64 %now, 1
  %pair = cmpxchg ptr %state, i64 %now, i64 %after acq_rel acquire
  %won = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %won, label %run, label %again
run:
  call void %function(i64 %next)
  %before = atomicrmw add ptr %done, i64 1 release
  ret i1 true
again:
  ret i1 true
none:
  ret i1 false
}}
define void @run_shares(ptr %slot, ptr %function, i64 %count) {{
entry:
  %pair = cmpxchg ptr %slot, i64 0, i64 1 acq_rel acquire
  %free = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %free, label %share, label %alone
alone:
  %i = phi i64 [ 0, %entry ], [ %j, %alone ]
  call void %function(i64 %i)
  %j = add i64 %i, 1
  %more = icmp ult i64 %j, %count
  br i1 %more, label %alone, label %end
share:
  %state = getelementptr i64, ptr %slot, i64 8
  %cell = getelementptr ptr, ptr %slot, i64 16
  %done = getelementptr i64, ptr %slot, i64 24
  store atomic i64 0, ptr %done release, align 8
  store atomic ptr %function, ptr %cell release, align 8
  %before = load atomic i64, ptr %state acquire, align 8
  %turn = lshr i64 %before, 32
  %new = add i64 %turn, 1
  %high = shl i64 %new, 32
  %middle = shl i64 %count, 16
  %begun = or i64 %high, %middle
  store atomic i64 %begun, ptr %state release, align 8
  br label %work
work:
  %any = call i1 @claimed(ptr %slot)
  br i1 %any, label %work, label %wait
wait:
  %looks = phi i64 [ 0, %work ], [ %looked, %looking ]
  %finished = load atomic i64, ptr %done acquire, align 8
  %all = icmp eq i64 %finished, %count
  br i1 %all, label %free_again, label %rest
rest:
  {pause}
  %looked = add i64 %looks, 1
  %long = icmp ugt i64 %looked, {looks}
  br i1 %long, label %leave, label %looking
leave:
  {leave}
  br label %looking
looking:
  br label %wait
free_again:
  store atomic i64 0, ptr %slot release, align 8
  ret void
end:
  ret void
}}
define void @work(ptr %slot, i64 %most) {{
entry:
  br label %look
look:
  %looks = phi i64 [ 0, %entry ], [ 0, %ran ], [ %looked, %none ]
  %any = call i1 @claimed(ptr %slot)
  br i1 %any, label %ran, label %none
ran:
  br label %look
none:
  {pause}
  %looked = add i64 %looks, 1
  %more = icmp ult i64 %looked, %most
  br i1 %more, label %look, label %end
end:
  ret void
}}
{declarations}
"""


class Pool:
    """The threads, and what they look at."""

    def __init__(self) -> None:
        self.slot: Any = aligned(32, np.int64)
        self.sleeping: list[Lock] = []
        self._threads = 0

    def reset(self) -> None:
        """No threads yet: those of a process are not in its children."""
        if _making.locked():  # by a thread that is not in the child
            _making.release()
        self.slot[:] = 0
        self.sleeping, self._threads = [], 0

    def grow(self, threads: int, work: Any) -> None:
        """Let there be that many, the one that runs a program among them, or one a processor.

        `work` is what they do. They do not make it themselves: LLVM's lock may be another's.
        """
        for _ in range(self._threads, min(threads, _processors()) - 1):
            self._threads += 1
            Thread(target=self._work, args=(work,), name="micrograd-share", daemon=True).start()

    def wake(self) -> None:
        """Wake who sleeps; work begins at once."""
        while self.sleeping:
            try:
                lock = self.sleeping.pop()
            except IndexError:  # another thread was faster
                return
            lock.release()

    def _work(self, work: Any) -> None:
        slot, lock, sleeping = self.slot.ctypes.data, Lock(), self.sleeping
        lock.acquire()
        while True:
            work(slot, WAITED)
            sleeping.append(lock)
            lock.acquire()


_making = Lock()
pool = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.reset)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def functions() -> tuple[int, Any]:
    """The address of what runs shares, and what a thread does that waits for some."""
    with _making:  # whoever asks must get the same: it lives as long as the process
        return _made()


@cache
def _made() -> tuple[int, Any]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    on_intel = triple.startswith(("x86_64", "i386", "i686"))
    can_leave = sys.platform != "win32"
    declarations = ["declare void @llvm.x86.sse2.pause()"] * on_intel
    declarations += ["declare i32 @sched_yield()"] * can_leave
    text = TEXT.format(
        pause="call void @llvm.x86.sse2.pause()" if on_intel else "",
        leave="call i32 @sched_yield()" if can_leave else "",
        looks=LOOKS, declarations="\n".join(declarations),
    )  # fmt: skip
    module = llvm.parse_assembly(text)
    engine = llvm.create_mcjit_compiler(
        module, llvm.Target.from_triple(triple).create_target_machine(opt=2)
    )
    engine.finalize_object()
    work: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(
        engine.get_function_address("work")
    )
    work.owner = engine
    return engine.get_function_address("run_shares"), work
