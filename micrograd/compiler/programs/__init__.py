"""The programs of one compiled function: built, kept, found again."""
