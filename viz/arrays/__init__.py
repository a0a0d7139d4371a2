"""The arrays found in a recording, as cards."""
