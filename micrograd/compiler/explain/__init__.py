"""The arrays that were found, for people."""
