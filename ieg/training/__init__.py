"""The training loop and what it keeps: the same for every method."""
