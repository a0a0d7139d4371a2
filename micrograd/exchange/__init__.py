"""Models from torch and to torch; torch is imported only when these are used."""
