"""A recorded step, or the graph of a Value, as named units: what pictures and derivations say.

A tape read as named units: neurons and other expressions, of one sample (`units`, `reading`,
`samples`, `order`, `names`; what Values are called: `called`).
"""
