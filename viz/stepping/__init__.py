"""The page that steps through a recorded graph, and computes it again: what it is made from.

The page: a diagram's equations as data (`notation`, `places`, `program`, `rules`), what it shows
when (`stages`), the op table as JavaScript (`javascript`), its program and looks (`assets/`);
pages of large graphs, whose groups unfold (`groups`), slides and moving pictures (`slides`,
`moving`).
"""
