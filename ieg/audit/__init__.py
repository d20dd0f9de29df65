"""Which given labels are probably wrong, and whether that can be believed."""
