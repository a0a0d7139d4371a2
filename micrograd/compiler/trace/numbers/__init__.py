"""What stands for a number while a function is traced, and what may be asked of it.

`.data`, comparisons and `max` give a `Read` (`reads`): arithmetic on it stays in the program of the
`Tracer` that made it (`tracer`); what would turn it into a plain number is refused with the user's
line (`refusing`) and what to write instead (`advice`). Values of both sides of a branch become one
(`merging`); elements of a list may be there or not (`maybe`); functions of numbers take such
numbers (`numeric`), and such a number chooses an element (`indexing`). Which of NumPy's numbers a
program computes as NumPy does is said by `narrow`. Objects of dataclasses hold numbers in all their
attributes (`records`). Other threads may meet those that stand in the world around (`shared`).
"""
