"""Compiled functions as code that runs without micrograd."""
