"""What to write instead of what cannot be compiled: a line a refusal, and where to read on."""

from __future__ import annotations

from micrograd.compiler.trace.numbers.refusing import ALONE
from micrograd.errors import CompileError

PAGE = "docs/compiling.md"

# Words of a refusal, what to write instead, and the section of the page; the first that fits.
NO_ROW = "is no row of the op table"
INSTEAD: tuple[tuple[tuple[str, ...], str, str], ...] = (
    ((ALONE,), "pass what decides as an argument of its own, a flag or a text", "Arguments"),
    (("an array given as an argument",),
     "make another array, `xs = xs / 10` for `xs /= 10`, or change one of your own, "
     "`xs = xs.copy()`", "Arguments"),
    (("a list given as an argument",),
     "change a list of your own, `xs = list(xs)`, or return what it should hold: "
     "`return loss, values`", "Arguments"),
    (("a dict given as an argument", "an object given as an argument"),
     "return what is to be kept, `return loss, {'y': y}`, or change one of your own, "
     "`d = {**d, 'y': y}`", "Arguments"),
    (("a set given as an argument",), "change a set of your own, `seen = set(seen)`", "Arguments"),
    ((NO_ROW,), "compute it before the call, and pass it as an argument", "Functions of numbers"),
    (("another precision", "as which NumPy rounds"),
     "convert it before something is computed of it, `float(x)`, or pass it so, `xs.astype(float)`",
     "Arguments"),
    (("asked for its type",),
     "write the function by `def`, in a file, so that it can be rewritten, or pass what depends on "
     "the type as a flag", "Arguments"),
    (("reaches 2**53",), "compute with floats, `float(n)`, if that is near enough", "Integers"),
    (("append", "extend", "comprehension", "of length"),
     "keep the length: put `micrograd.where(condition, v, 0.0)` into the list, and count with "
     "`n += micrograd.where(condition, 1.0, 0.0)`", "Lists whose length depends on numbers"),
    (("turned into text",),
     "print what comes back instead: `return loss, {'name': number}`, and `loss, seen = f(x)`",
     "Looking at numbers"),
    (("random numbers", "is called on one side"),
     "draw and change things outside of the function, and pass what was drawn as an argument",
     "Randomness and state"),
    (("changes from call to call", "another parameter", "holds something that is no Value"),
     "pass what changes as an argument of the function", "Randomness and state"),
    (("is set on one side", "depending on traced data", "None, depending"),
     "give the variable a number on both sides: `v = micrograd.where(condition, a, b)`",
     "Branches"),
    (("branch", "`is`", "sorted", "an element is made", "looked up"),
     "choose between numbers with `micrograd.where(condition, a, b)`, `max` or `min`",
     "Branches"),
    (("into a float",),
     "leave it a number of the program: `v.exp()` instead of `math.exp(v)`, `v.data` instead of "
     "`float(v)`, a list, `[0.0] * n`, instead of `np.zeros(n)` that is filled, `dtype=float` "
     "instead of float32; or convert before the call",
     "Functions of numbers"),
    (("an integer is required", "cannot be interpreted as an integer"),
     "give the library a plain integer, for each of which there is a program: "
     "`deque(maxlen=operator.index(k))`", "Integers"),
    (("rounded", "an int,", "truncated", "the operator"),
     "compute it before the call, and pass it as an argument", "Functions of numbers"),
    (("integer", "indexes", "counts"),
     "let an integer choose whole rows of equal length, `table[i]`, or pass what it chooses",
     "Integers"),
    (("must return the loss",),
     "return one loss, and with it whatever is of interest: `return a + b, a, b`", "Steps"),
    (("sets `.data`",), "leave the update to the optimiser: `compile(fn, optimizer=…).step`",
     "Steps"),
    (("calls backward", "value_and_grad", "calls step"),
     "return the loss; `f.value_and_grad(…)` and `f.step(…)` differentiate it", "Steps"),
    (("register_hook",),
     "run it eagerly, `loss.backward()`, or let an optimiser's rule change gradients", "Steps"),
    (("hand-written",), "write it with the operations of Value, or as a row of the op table",
     "Steps"),
    (("before the call",), "compute the value inside the function, from leaves", "Steps"),
    (("copied or pickled",), "use the Value itself", "Steps"),
    (("no arrays", "wait for the one before", "too irregular"), "run it eagerly", "Steps"),
)  # fmt: skip


def advised(error: CompileError) -> CompileError:
    """The error, with what to write instead; unchanged if it says so already or nobody knows."""
    text = str(error)
    if PAGE in text:
        return error
    reason = NO_ROW if NO_ROW in text else text.partition("\n")[0]
    for words, instead, section in INSTEAD:
        if any(word in reason for word in words):
            return type(error)(f"{text}\n  instead: {instead}\n  see {PAGE}, {section!r}")
    return error
