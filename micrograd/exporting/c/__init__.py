"""Compiled functions as a file of C99."""
