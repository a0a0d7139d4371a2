"""Programs of loop nests on flat arrays: what they are, their checker and their meaning."""
