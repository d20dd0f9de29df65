"""Losses: pure functions of logits, labels and numbers that return one value per example."""

from ieg.losses.cross_entropy import cross_entropy, label_smoothing, soft_targets
from ieg.losses.divergence import kl_divergence
from ieg.losses.label_guess import label_guess, rms_normalize, sharpen

__all__ = [
    "cross_entropy",
    "kl_divergence",
    "label_guess",
    "label_smoothing",
    "rms_normalize",
    "sharpen",
    "soft_targets",
]
