"""Programs to programs that do the same with fewer passes over memory."""
