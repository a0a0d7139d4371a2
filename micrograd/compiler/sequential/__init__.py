"""Programs that are no arrays: in the order of the program, with a loop for what repeats."""
