"""Programs as people write them who know Python, and of this library the README."""
