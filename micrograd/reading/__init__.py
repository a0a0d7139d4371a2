"""A recorded step, or the graph of a Value, as named units: what pictures and derivations say."""
