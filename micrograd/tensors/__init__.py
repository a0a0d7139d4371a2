"""Object arrays of Values, with torch's names and torch's printing.

Object arrays of Values (`elements`, `given`), `Tensor` on them (`array`; what Python asks of it:
`protocol`; `.data` and `.grad`: `window`). What an operation is stands once, as a function
(`pointwise`, `shapes`, `reductions`, `extremes`, `ordering`, `norms`, `soft_maxima`, `products`,
`indexing`, which asks `chosen` in a compiled call, `conversions`, `backward`); `tensor` makes
methods of them, `functions` functions by torch's names (`names.py` has those). New arrays
(`creation`), torch's stream of random numbers (`generator`), its printing; `gradcheck` of functions
of arrays (`checking`).
"""
