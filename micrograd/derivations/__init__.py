"""A gradient's chain-rule derivation: every path, in names and in numbers."""
