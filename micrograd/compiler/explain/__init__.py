"""The arrays that were found, for people.

The arrays that the passes up to `schedule` find in the value alone (`forward`), and what runs:
nests say which recorded operations they stand for (`Program.recorded`); `f.source` has the line
of each kernel where its code begins (`report`); loops of sequences in the program's own names
(`sequence`, `naming`).
"""
