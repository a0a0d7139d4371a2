"""Programs that are no arrays: in the order of the program, with a loop for what repeats.

Programs without arrays, or whose arrays repeat themselves: nodes in the order of the program, and
back (`order`), as scalar statements (`places`). Turns (`turns`) are found first: what their inner
loops make lies in `rows`, and leaves that arrays read are copied to rows (`leaves`); long sums of
it are reductions. What else repeats (`repeats`) becomes `loops`, long sums are added up
in them (`sums`), all sums in the order in which their terms are there (`bodies`); what long sums of
the rest read lies in rows, too. What is wide and no part of what runs one after the other is in
arrays before it, or after it (`apart`); all of it (`sequence`).
"""
