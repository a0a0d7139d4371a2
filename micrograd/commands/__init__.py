"""The commands of `micrograd`, a module each: `add` says what it takes, `run` does it."""
