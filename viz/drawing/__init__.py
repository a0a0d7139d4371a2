"""What all pictures are made of: cards, wires, colours, and the file they end up in."""
