"""Losses: pure functions of logits, labels and numbers that return one value per example."""

from ieg.losses.cross_entropy import cross_entropy, label_smoothing, soft_targets
from ieg.losses.divergence import kl_divergence
from ieg.losses.label_guess import label_guess, rms_normalize, sharpen
from ieg.losses.pseudo_labels import PseudoLoss, pseudo_labels, running_logits
from ieg.losses.robust import mean_of_classes, robust_losses

__all__ = [
    "PseudoLoss",
    "cross_entropy",
    "kl_divergence",
    "label_guess",
    "label_smoothing",
    "mean_of_classes",
    "pseudo_labels",
    "rms_normalize",
    "robust_losses",
    "running_logits",
    "sharpen",
    "soft_targets",
]
