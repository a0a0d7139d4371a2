"""Programs to programs that do the same with fewer passes over memory.

Sums over turns added up in them (`added`), what turns need no longer overwritten (`turns`); nests
merged, stores dropped (`fusion`); the sample axis block by block, so that a block stays in the
first-level cache (`blocking`), and in shares for several threads, each with sums of
its own (`runs`); sequences for several samples at a time (`lanes`).
"""
