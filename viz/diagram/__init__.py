"""The gradient diagram: a recorded graph read as units, and the cards that show them.

The cards of units (`unit_cards`, `weight_lines`, `upstream`, `updates`, `rows`), which parameters
have one (`owners`), all of them put together (`diagram`).
"""
