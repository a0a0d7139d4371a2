"""What a step of an optimiser reads and writes."""
