"""A classifier that compares directions alone, and a network that gets it in place of its own."""

from typing import Any

import keras
import numpy as np

from ieg.networks import parts
from ieg.networks.layers import OwnLayer

#: What cosines are multiplied with to become logits (Cao et al. 2019).
SCALE = 30.0


class CosineClassifier(OwnLayer):
    """Logits 30 cos(x, w_k): neither bias nor the norms of features and class vectors count.

    Args:
      num_classes: K.
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape: Any) -> None:
        """Creates the class vectors, uniform within ±1 and then made unit vectors."""

        def unit_columns(shape: Any, dtype: Any = None) -> Any:
            return _unit(keras.initializers.RandomUniform(-1, 1)(shape, dtype), axis=0)

        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.num_classes), initializer=unit_columns, name="kernel"
        )

    def call(self, x: Any) -> Any:
        """[B, D] → [B, K]."""
        return SCALE * keras.ops.matmul(_unit(x, axis=-1), _unit(self.kernel, axis=0))

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make the layer again."""
        return {**super().get_config(), "num_classes": self.num_classes}

    def standard(self) -> keras.layers.Layer:
        """Unit vectors, and a matrix that holds the scale."""
        dense = keras.layers.Dense(self.num_classes, use_bias=False)
        features = keras.Input(self.input.shape[1:])
        logits = dense(keras.layers.UnitNormalization()(features))
        return keras.Model(features, logits, name=self.name)

    def standard_weights(self) -> list[np.ndarray]:
        """That matrix [D, K]."""
        return [keras.ops.convert_to_numpy(SCALE * _unit(self.kernel, axis=0))]


def with_cosine_classifier(model: keras.Model, num_classes: int) -> keras.Model:
    """The same network with new class vectors, behind whose features only directions count.

    Args:
      model: a network as this package describes them.
      num_classes: K.
    """
    features = parts.classifier(model).input
    logits = CosineClassifier(num_classes)(features)
    return keras.Model(model.input, logits, name=model.name)


def _unit(x: Any, axis: int) -> Any:
    # The square root has no slope at 0, where ReLU may leave all features of an image.
    square = keras.ops.sum(keras.ops.square(x), axis=axis, keepdims=True)
    return x * keras.ops.rsqrt(keras.ops.maximum(square, 1e-12))
