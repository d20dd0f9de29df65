"""Data sets by name, noise and probe sets, and batches as a function of the step."""
