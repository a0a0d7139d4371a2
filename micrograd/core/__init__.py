"""What a `Value` is made of: its two cores, copies of graphs, orders to walk them in.

`Value`, over the core that there is. `python_core` and `native_core` make nodes, record operators
and run `backward`; `scalar` and `notes` are what both share; `copies` copies and pickles graphs
of any depth, `walk` has the orders to go through one; `lost` warns of `math.exp(v)`.
"""
