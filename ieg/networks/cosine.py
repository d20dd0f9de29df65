"""Cosine classifier: logits from the angle between features and class vectors.

As in the LDAM release: Cao, Wei, Gaidon, Arechiga and Ma, "Learning Imbalanced Datasets with
Label-Distribution-Aware Margin Loss", NeurIPS 2019, arXiv 1906.07413.
"""

from typing import Any

import keras
import numpy as np

from ieg.networks import parts
from ieg.networks.layers import OwnLayer

#: Factor from cosines to logits.
SCALE = 30.0


class CosineClassifier(OwnLayer):
    """Dense layer without bias on unit vectors: logits 30 cos(x, w_k).

    The norms of features and class vectors have no influence.

    Args:
      num_classes: K.
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape: Any) -> None:
        """Create the class vectors, uniform within ±1 and then scaled to unit length."""

        def unit_columns(shape: Any, dtype: Any = None) -> Any:
            return _unit(keras.initializers.RandomUniform(-1, 1)(shape, dtype), axis=0)

        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.num_classes), initializer=unit_columns, name="kernel"
        )

    def call(self, x: Any) -> Any:
        """Features [B, D] → logits [B, K]."""
        return SCALE * keras.ops.matmul(_unit(x, axis=-1), _unit(self.kernel, axis=0))

    def get_config(self) -> dict[str, Any]:
        """Arguments that Keras needs to rebuild the layer."""
        return {**super().get_config(), "num_classes": self.num_classes}

    def standard(self) -> keras.layers.Layer:
        """Unit normalization, then a dense layer whose kernel includes the scale."""
        dense = keras.layers.Dense(self.num_classes, use_bias=False)
        features = keras.Input(self.input.shape[1:])
        logits = dense(keras.layers.UnitNormalization()(features))
        return keras.Model(features, logits, name=self.name)

    def standard_weights(self) -> list[np.ndarray]:
        """Kernel of that dense layer, [D, K]."""
        return [keras.ops.convert_to_numpy(SCALE * _unit(self.kernel, axis=0))]


def with_cosine_classifier(model: keras.Model, num_classes: int) -> keras.Model:
    """Replace the classifier of a network by a cosine classifier.

    Args:
      model: a network with the structure that `ieg.networks` describes.
      num_classes: K.
    Returns:
      A model that shares all other layers with `model`.
    """
    features = parts.classifier(model).input
    logits = CosineClassifier(num_classes)(features)
    return keras.Model(model.input, logits, name=model.name)


def _unit(x: Any, axis: int) -> Any:
    # The square root has no derivative at 0, where ReLU may leave all features of an image.
    square = keras.ops.sum(keras.ops.square(x), axis=axis, keepdims=True)
    return x * keras.ops.rsqrt(keras.ops.maximum(square, 1e-12))
