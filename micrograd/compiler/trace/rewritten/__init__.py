"""A function written anew, so that branches on traced numbers have both their sides traced.

Its syntax tree (`source`) with jumps as flags (`lowering`), and statements (`rewriting`)
and expressions and patterns (`expressions`) that ask a helper what a number would decide
(`sides`): which sides are run (`branches`), what they set, raise and yield (`effects`), what they
call (`calling`, `builtin`).
"""
