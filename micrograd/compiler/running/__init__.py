"""Programs on their arrays: one call, one step, or without a program at all."""
