"""What a step of an optimiser reads and writes.

Which parameters a step updates (`touched`), and whether any are (`members`); what a rule keeps, as
its `initial_state` declares (`rules`, `memory`); its `direction` traced on whole vectors:
a program of its own (`program`), which follows that of the gradient and reads its work.
"""
