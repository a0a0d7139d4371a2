"""Sums of products and rows of the op table, and their derivatives."""
