"""One training step of any model, recorded whole, and its tables.

`record_step(s)` (`record`): how any model and loss are called, how everything goes back after an
error, what parameters are called; a step kept whole, and its tables; likely first mistakes.
"""
