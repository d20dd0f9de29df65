"""Meta-gradients of a look-ahead, and example weights made from them."""

from ieg.meta.gradient import (
    InnerProblem,
    MetaGradient,
    after,
    meta_gradient,
    scaled_gradient,
)
from ieg.meta.weights import example_weights, label_trust, shifted_weights, standardized

__all__ = [
    "InnerProblem",
    "MetaGradient",
    "after",
    "example_weights",
    "label_trust",
    "meta_gradient",
    "scaled_gradient",
    "shifted_weights",
    "standardized",
]
