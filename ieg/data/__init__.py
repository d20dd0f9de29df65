"""Data sets by name: what the name means, what it does to the labels, and batches as a function."""
