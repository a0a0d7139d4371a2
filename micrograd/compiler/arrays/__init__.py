"""Which nodes are one array, where it lies, and the loops that compute it.

Groups of isomorphic nodes, what will be one array (`schedule`), unless levels are too narrow for
that (`widths`); addresses, and lists of operands as nested affine axes: where matrices appear
(`layout`); nests over them, arguments fetched, with `batch=True` one more axis (`loops`, `inputs`).
"""
