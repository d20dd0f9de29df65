"""The look-ahead gradient, and weights made from it."""

from ieg.meta.lookahead import InnerProblem, MetaGradient, meta_gradient
from ieg.meta.weights import example_weights, shifted_weights

__all__ = ["InnerProblem", "MetaGradient", "example_weights", "meta_gradient", "shifted_weights"]
