"""Layers that Keras lacks.

Classes of Keras are made when their file is imported, and the options of the command line are read
without Keras. So these files stand apart, and networks import them while they are built.
"""
