"""What goes into a call and comes out of it: numbers, in the structures that a user passes.

Records, dicts, dataclasses and flags (`structures`) around lists and arrays of numbers, for which
stand-ins are traced (`stand_ins`), of a batch those of a sample (`samples`), read at once later on
(`flattening`), and which a function may not change (`given`); the loss and what it returns beside
it (`results`).
"""
