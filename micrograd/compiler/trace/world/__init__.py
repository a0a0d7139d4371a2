"""What a function finds around it and leaves there: what a program is right for, or reads anew.

The leaves that it can reach (`reachable`), what its code can name (`named`) and which entries of a
container it reads (`uses`); all of it written down, and compared before each call (`surroundings`,
`watched`). Numbers there that change are inputs (`around`). What a function leaves behind is found
and made a number of each call (`left`).
"""
