"""Programs on their arrays: one call, one step, or without a program at all.

A program on its arrays (`runner`); how arguments are taken (`taking`); the update that follows it
in steps (`stepping`); gradients that are written when they are read (`owed`); what runs where a
result is not finite (`fallback`).
"""
