"""Robust learning from badly labelled or unbalanced data, on TensorFlow 2 and Keras 3."""

__version__ = "0.1.0"
