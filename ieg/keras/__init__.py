"""For training with Keras' own `fit`: robust losses for `compile`, and L2R as a model."""

from ieg.keras.l2r import L2RModel
from ieg.keras.losses import (
    GCE,
    LDAM,
    BalancedSoftmax,
    ConfidencePenalty,
    DerivativeManipulation,
    Focal,
    HardBootstrapping,
    SoftBootstrapping,
    SymmetricCrossEntropy,
)

__all__ = [
    "GCE",
    "LDAM",
    "BalancedSoftmax",
    "ConfidencePenalty",
    "DerivativeManipulation",
    "Focal",
    "HardBootstrapping",
    "L2RModel",
    "SoftBootstrapping",
    "SymmetricCrossEntropy",
]
