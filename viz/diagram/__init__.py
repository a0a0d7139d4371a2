"""The gradient diagram: a recorded graph read as units, and the cards that show them."""
