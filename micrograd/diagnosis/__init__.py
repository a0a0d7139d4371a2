"""What is wrong with a training, from one step of it."""
