"""Base of the layers that Keras lacks."""

import keras
import numpy as np


class OwnLayer(keras.layers.Layer):
    """Base of layers that Keras lacks; in an exported model, layers of Keras take their place."""

    def standard(self) -> keras.layers.Layer:
        """Layer or model of Keras' own layers that computes the same in inference mode."""
        raise NotImplementedError

    def standard_weights(self) -> list[np.ndarray]:
        """Weights of `standard()`, once this layer is built."""
        raise NotImplementedError
