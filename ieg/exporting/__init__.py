"""Trained networks for others to use: files that load without this package."""
