"""Training loop, state, schedules and devices, the same for every method."""
