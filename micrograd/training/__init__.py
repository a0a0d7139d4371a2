"""Training by `fit`, and files of parameters."""
