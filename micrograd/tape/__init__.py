"""What was recorded: a graph as plain data, the modules and the names that its nodes belong to.

A recorded graph as plain data; which module computed what (`modules`); where Values are kept:
paths in an object, names of a caller's variables (`paths`).
"""
