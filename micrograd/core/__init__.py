"""What a `Value` is made of: its two cores, copies of graphs, orders to walk them in."""
