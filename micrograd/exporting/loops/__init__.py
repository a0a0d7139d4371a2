"""Recurrences as loops: turns of a recording, their body as a program of arrays of its own."""
