"""A gradient's chain-rule derivation: every path, in names and in numbers.

`derivation`: a recorded graph as equations (`lines`), the paths of the chain rule (`paths`), or
the gradients of layers where they are many (`layers`), as text, Markdown and LaTeX (`writing`).
"""
