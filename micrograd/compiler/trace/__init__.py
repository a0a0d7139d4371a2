"""From a scalar program that runs to a recording of it.

The program runs on ordinary Values (`tracer`, `watching`); `.data`, comparisons and `max` give
`Read`s (`reads`), which stay in the graph or refuse (`refusing`). Where numbers decide what
happens, the function is traced in another form (`forms`): its syntax tree (`source`) rewritten
(`lowering`: jumps as flags; `rewriting`, `expressions`) so that it asks a helper (`sides`,
`branches`, `effects`, `calling`, `builtin`, `numeric`, `indexing`) which traces both sides and
merges what they set (`merging`); elements of lists may be there or not (`maybe`); or for the
decisions of one call. What to write instead of a refusal: `advice`. Stand-ins for the numbers of
a call (`stand_ins`; a function that changes its arguments is refused: `given`, `structures`; of
records read at once: `flattening`), the loss and aux (`results`), what a function finds around it
(`reachable`, `named`, `surroundings`; numbers there that change: `around`, which other threads
may read meanwhile: `shared`) and leaves behind (`left`; leaves that it gives other numbers:
`assigned`), traces with several integers: what differs is a choice from a table, or refused with
the user's line (`integers`, `trials`, `differences`). A function is run in one form (`runs`), and
traced again or held against itself (`traceable`, `comparing`), until what is known of it
(`traced`) can be trusted. Out comes the trace as arrays, an operation an entry, in program order
(`recording`).
"""
