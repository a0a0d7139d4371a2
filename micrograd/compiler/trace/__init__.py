"""From a scalar program that runs to a recording of it.

The program runs on ordinary Values, watched (`watching`). Where numbers decide what happens, it is
traced in another form (`forms`): with both sides of its branches (`rewritten/`), or for the
decisions of one call. What it is called with and returns are `arguments/`, what it finds around it
is the `world/`, what stands for a number meanwhile are `numbers/`; leaves that it gives other
numbers are results (`assigned`).

A function is run in one form (`runs`), with several integers: what differs is a choice from a
table, or refused with the user's line (`integers`, `trials`, `differences`); how large they may be
is said by `bounds`. It is traced again or held against itself (`traceable`, `comparing`,
`eagerly`), until what is known of it (`traced`) can be trusted. Out comes the trace as arrays, an
operation an entry, in program order (`recording`).
"""
