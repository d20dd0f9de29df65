"""Layer of a cosine classifier."""

from typing import Any

import keras
import numpy as np

from ieg.networks.cosine import SCALE
from ieg.networks.own_layers.base import OwnLayer


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


def _unit(x: Any, axis: int) -> Any:
    # The square root has no derivative at 0, where ReLU may leave all features of an image.
    square = keras.ops.sum(keras.ops.square(x), axis=axis, keepdims=True)
    return x * keras.ops.rsqrt(keras.ops.maximum(square, 1e-12))
