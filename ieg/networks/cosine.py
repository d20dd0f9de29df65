"""Cosine classifier: logits from the angle between features and class vectors.

As in the LDAM release: Cao, Wei, Gaidon, Arechiga and Ma, "Learning Imbalanced Datasets with
Label-Distribution-Aware Margin Loss", NeurIPS 2019, arXiv 1906.07413.
"""

from __future__ import annotations

import keras

from ieg.networks import parts

#: Factor from cosines to logits.
SCALE = 30.0


def with_cosine_classifier(model: keras.Model, num_classes: int) -> keras.Model:
    """Replace the classifier of a network by a cosine classifier.

    Args:
      model: a network with the structure that `ieg.networks` describes.
      num_classes: K.
    Returns:
      A model that shares all other layers with `model`.
    """
    from ieg.networks.own_layers.cosine import CosineClassifier

    features = parts.classifier(model).input
    logits = CosineClassifier(num_classes)(features)
    return keras.Model(model.input, logits, name=model.name)
