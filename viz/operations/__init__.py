"""The operation graph, folded where it is large."""
