"""The page that steps through a recorded graph, and computes it again: what it is made from."""
