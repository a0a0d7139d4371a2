"""The operation graph, folded where it is large.

Which unit and module a node is part of (`grouping`), turns of loops, a large graph as blocks,
columns and their order, what nodes are called.
"""
