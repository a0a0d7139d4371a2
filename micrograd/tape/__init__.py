"""What was recorded: a graph as plain data, the modules and the names that its nodes belong to."""
