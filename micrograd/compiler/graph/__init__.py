"""Sums of products and rows of the op table, and their derivatives.

Sums of products, and rows of the op table that are none (`graph`, `builder`, `normal_form`);
adjoints: transposed terms for sums, each row's own `vjp` applied once to all nodes of that row
(`gradient`).
"""
