"""Losses: pure functions of logits, labels and numbers with one value per example.

Losses that training can minimize (option `loss`) are registered by name, each in its file with its
options. In the formulas p = softmax(z) are the predictions for logits z, y is the given label,
q = onehot(y), and H(t, p) = -Σ_k t_k log p_k is cross entropy. docs/references.md lists the papers.
"""

from ieg.losses.absolute_error import mae, mse
from ieg.losses.balanced_softmax import balanced_softmax
from ieg.losses.bootstrapping import hard_bootstrapping, soft_bootstrapping
from ieg.losses.class_weights import class_weighted, effective_number_weights
from ieg.losses.confidence_penalty import confidence_penalty
from ieg.losses.cross_entropy import cross_entropy, label_smoothing, soft_targets
from ieg.losses.derivative_manipulation import dm, emphasis, imae
from ieg.losses.divergence import kl_divergence
from ieg.losses.dro_lt import dro_lt_class_losses, dro_lt_mean
from ieg.losses.focal import focal
from ieg.losses.gce import gce
from ieg.losses.label_guess import label_guess, rms_normalize, sharpen
from ieg.losses.ldam import ldam, ldam_margins
from ieg.losses.mixed_labels import mixed_index, mixed_label
from ieg.losses.proselflc import corrected_labels, global_trust, local_trust, proselflc
from ieg.losses.pseudo_labels import PseudoLoss, pseudo_labels, running_logits
from ieg.losses.registry import REGISTRY, Course, LossEntry, LossInput, LossOutput, register
from ieg.losses.symmetric import symmetric_cross_entropy

__all__ = [
    "REGISTRY",
    "Course",
    "LossEntry",
    "LossInput",
    "LossOutput",
    "PseudoLoss",
    "balanced_softmax",
    "class_weighted",
    "confidence_penalty",
    "corrected_labels",
    "cross_entropy",
    "dm",
    "dro_lt_class_losses",
    "dro_lt_mean",
    "effective_number_weights",
    "emphasis",
    "focal",
    "gce",
    "global_trust",
    "hard_bootstrapping",
    "imae",
    "kl_divergence",
    "label_guess",
    "label_smoothing",
    "ldam",
    "ldam_margins",
    "local_trust",
    "mae",
    "mixed_index",
    "mixed_label",
    "mse",
    "proselflc",
    "pseudo_labels",
    "register",
    "rms_normalize",
    "running_logits",
    "sharpen",
    "soft_bootstrapping",
    "soft_targets",
    "symmetric_cross_entropy",
]
