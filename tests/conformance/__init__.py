"""Programs on which all implementations must agree."""
