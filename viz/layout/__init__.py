"""How a picture is laid out and what makes it look the same everywhere: programs, fonts, text.

`viz.layout.engine` uses all of it; nothing else does, but for `fit_text`.
"""
