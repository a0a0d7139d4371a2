"""From a scalar program that runs to a recording of it."""
