"""Figures that several rooms draw: the canvas, panels of curves, histograms."""
