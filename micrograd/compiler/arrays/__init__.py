"""Which nodes are one array, where it lies, and the loops that compute it."""
