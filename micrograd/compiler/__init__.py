"""Scalar programs to array kernels: a module a pass, each from plain data to plain data."""
