"""The hand-written C, built with gcc and called through ctypes.

`reference_abcd.c` is ordinary good C, built for two vector widths; `reference_simd.cpp` has
explicit vectors. Each is a library of its own in the build folder, with loops appended, so that
the step can be timed without a call from Python for each.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workloads import ALPHA, BETAS, Floats, Peer, Workload

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "native"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fPIC", "-w", "-DT=double"]

_C_LOOPS = """
typedef const double*in;
#define LOOP(N) double loop##N(long k,double*p,in x,in y){\\
  double s=0;while(k--)s+=step##N(p,x,y);return s;}
LOOP(A) LOOP(B) LOOP(C)
double loopD(long k,long first,double*p,double*m,double*v,const int*tok,int n,double lr){
  double s=0;
  for(long t=first;t<first+k;t++)s+=stepD(p,m,v,tok,n,lr,1-pow(.85,t),1-pow(.99,t));
  return s;}
"""
_CPP_LOOPS = """
typedef const double*in;
extern "C" {
double loopB(long k,double*P,in X,in Y,double*G){
  double s=0;while(k--)s+=w3_f64(P,X,Y,800,800,.01,G);return s;}
double loopC(long k,double*P,in X,in Y,in M,double*G){
  double s=0;while(k--)s+=w4_f64(P,X,Y,M,128,100,.05,1e-4,G);return s;}
}
"""
# name: compiler, source, loops, further flags
_LIBRARIES = {
    "plain": ("gcc", "reference_abcd.c", _C_LOOPS, []),
    "wide": ("gcc", "reference_abcd.c", _C_LOOPS, ["-mprefer-vector-width=512"]),
    "simd": ("g++", "reference_simd.cpp", _CPP_LOOPS, ["-DSUF=_f64", "-DBS=32"]),
}


def missing() -> str:
    """What there is not to build with, or ""."""
    return " and ".join(name for name in ("gcc", "g++") if shutil.which(name) is None)


def load(name: str) -> ctypes.CDLL:
    """The library `name` ("plain", "wide" or "simd"), built the first time."""
    compiler, source, loops, flags = _LIBRARIES[name]
    text = (HERE / source).read_text(encoding="utf-8") + loops
    key = hashlib.sha256("\n".join([text, compiler, *FLAGS, *flags]).encode()).hexdigest()[:12]
    library = BUILD / f"{name}-{key}.so"
    if not library.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        program, object_file = library.with_suffix(Path(source).suffix), library.with_suffix(".o")
        program.write_text(text, encoding="utf-8")
        _run(compiler, *FLAGS, *flags, "-c", str(program), "-o", str(object_file))
        # Linked without -ffast-math: with it, gcc has the library flush the denormals of
        # everything else in the process, too.
        _run(compiler, "-shared", str(object_file), "-o", str(library), "-lm")
    return ctypes.CDLL(str(library))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stderr}")


def peers(workload: Workload) -> dict[str, Peer]:
    """Every way to make the step in C: each library, called from Python or in a loop."""
    found = {}
    for name in _LIBRARIES:
        if workload.tokens and name == "simd":
            continue
        if workload.tokens:
            make = _gpt
        elif workload.name == "A":
            make = _smallest_simd if name == "simd" else _smallest
        else:
            make = _mlp_simd if name == "simd" else _mlp
        for kind in ("called", "alone"):
            peer = make(load(name), workload)
            found[f"{name}, {kind}"] = peer if kind == "alone" else peer._replace(many=None)
    return found


# Arguments of the right C types are made once. The closures keep the arrays alive whose addresses
# they are.


def _mlp(library: ctypes.CDLL, workload: Workload) -> Peer:
    x, y, p = _aligned(workload.x.T), _aligned(workload.y), _aligned(workload.start)
    args = _at(p), _at(x), _at(y)
    loop = _double(library, "loop" + workload.name)
    return Peer(
        _double(library, "step" + workload.name),
        args,
        lambda: _copied(p, x, y),
        lambda k: loop(ctypes.c_long(k), *args),
    )


def _mlp_simd(library: ctypes.CDLL, workload: Workload) -> Peer:
    n, padding, p = len(workload.y), -len(workload.y) % 32, _aligned(workload.start)
    x = _aligned(np.pad(workload.x.T, ((0, 0), (0, padding))))
    y, mask = (_aligned(np.pad(a, (0, padding))) for a in (workload.y, np.ones(n)))
    gradient = np.zeros_like(p)
    data = [_at(p), _at(x), _at(y)] + ([_at(mask)] if workload.hinge else [])
    rates = [workload.lr] + ([ALPHA] if workload.hinge else [])
    loop = _double(library, "loop" + workload.name)
    return Peer(
        _double(library, "w4_f64" if workload.hinge else "w3_f64"),
        (*data, n + padding, n, *map(ctypes.c_double, rates), _at(gradient)),
        lambda: _copied(p, x, y, mask, gradient),
        lambda k: loop(ctypes.c_long(k), *data, _at(gradient)),
    )


def _smallest(library: ctypes.CDLL, workload: Workload) -> Peer:
    order = np.array([0, 2, 1, 3, 4, 5, 6])  # it has the parameters neuron by neuron
    x, y, p = _aligned(workload.x), _aligned(workload.y), _aligned(workload.start[order])
    args = _at(p), _at(x), _at(y)
    loop = _double(library, "loopA")
    return Peer(
        _double(library, "stepA"),
        args,
        lambda: _copied(p, x, y)[order],  # the order is its own reverse
        lambda k: loop(ctypes.c_long(k), *args),
    )


def _smallest_simd(library: ctypes.CDLL, workload: Workload) -> Peer:
    p = _aligned(workload.start)
    numbers = map(ctypes.c_double, (workload.x[0, 0], workload.y[0], workload.lr))
    args = _at(p), *numbers
    step = _double(library, "w2_f64")  # its last argument is how often
    return Peer(step, (*args, 1), lambda: _copied(p), lambda k: step(*args, k))


def _gpt(library: ctypes.CDLL, workload: Workload) -> Peer:
    p = _aligned(workload.start)
    mean, square = _aligned(np.zeros_like(p)), _aligned(np.zeros_like(p))
    tokens = np.array(workload.tokens, dtype=np.int32)
    arrays = _at(p), _at(mean), _at(square), _at(tokens)
    n, lr, double, steps = len(tokens) - 1, ctypes.c_double(workload.lr), ctypes.c_double, 0
    step, loop = _double(library, "stepD"), _double(library, "loopD")

    def one() -> float:
        nonlocal steps
        steps += 1
        return step(*arrays, n, lr, double(1 - BETAS[0] ** steps), double(1 - BETAS[1] ** steps))

    def many(k: int) -> float:
        nonlocal steps
        first, steps = steps + 1, steps + k
        return loop(ctypes.c_long(k), ctypes.c_long(first), *arrays, n, lr)

    return Peer(one, (), lambda: _copied(p, mean, square, tokens), many)


def _double(library: ctypes.CDLL, name: str) -> Callable[..., float]:
    """A function of the library that returns a double."""
    function = getattr(library, name)
    function.restype = ctypes.c_double
    return function


def _aligned(array: Floats) -> Floats:
    """A C-contiguous copy that begins on a cache line."""
    memory = np.empty(array.size + 8)
    start = -memory.ctypes.data % 64 // 8
    copy = memory[start : start + array.size].reshape(array.shape)
    copy[...] = array
    return copy


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _copied(p: Floats, *_kept_alive: NDArray[Any]) -> Floats:
    return p.copy()
