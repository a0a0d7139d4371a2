"""The article's networks and data, and its methods side by side."""
