"""One training step of any model, recorded whole, and its tables."""
