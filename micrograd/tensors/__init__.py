"""Object arrays of Values, with torch's names and torch's printing."""
