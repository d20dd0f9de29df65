"""Figures and tables made from the run folders."""
