"""Programs of loop nests on flat arrays: what they are, their checker and their meaning.

The array IR: programs of loop nests on flat arrays (`ir`), and sequences of scalar statements,
ordered nests, and nests that are repeated turn by turn (`sequence`), for some samples of a batch at
a time (`samples`); their checker (`verify`, of sequences `readiness`); what they touch (`spans`),
over which axes (`axes`).
"""
