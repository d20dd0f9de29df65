"""Figures: the canvas that all of them share."""
