"""The programs of one compiled function: built, kept, found again.

Of one function, a program for each shape (`programs`), its traces, tried again in time
(`traces`), and what it trains (`trained`); one for each way that decisions go (`decisions`), the
likely one first; what compiles again and again is told (`rebuilds`), and
runs as it is until one more program is worth its making (`patience`).
"""
