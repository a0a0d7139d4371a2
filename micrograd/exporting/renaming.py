"""Names of arrays: others in expressions, and those that are free."""

from __future__ import annotations

from micrograd.exporting.expressions import ARRAY, SLICE, Expr, inside, remade, sliced


class Renaming:
    """Puts something in the place of named arrays; what was one expression stays one."""

    def __init__(self, names: dict[str, Expr] | None = None) -> None:
        self.names = names or {}
        self._done: dict[
            int, tuple[Expr, Expr]
        ] = {}  # by id, with the expression, so that it lives

    def of(self, x: Expr) -> Expr:
        """The expression with them."""
        for e in inside(x):
            if id(e) not in self._done:
                self._done[id(e)] = e, self._new(e)
        return self._done[id(x)][1]

    def _new(self, e: Expr) -> Expr:
        if e.op == ARRAY:
            found = self.names.get(e.given[0], e)
            return found if len(found.shape) == len(e.shape) else e
        new = remade(e, [self._done[id(a)][1] for a in e.args])
        if e.op == SLICE and new.args[0].op == SLICE:  # a part of a part
            return sliced(new.args[0], e.given[0], e.shape)
        return new


def free_name(stem: str, taken: set[str]) -> str:
    """A name that is not in use, and is from then on."""
    name, k = stem, 1
    while name in taken:
        k += 1
        name = f"{stem}_{k}"
    taken.add(name)
    return name
