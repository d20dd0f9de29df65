"""Embedding of tokens and their positions."""

from typing import Any

import keras
import numpy as np

from ieg.networks.own_layers.base import OwnLayer
from ieg.networks.transformer import VOCABULARY


class TokenEmbedding(OwnLayer):
    """Sum of a token and a position embedding: [B, L] → [B, L, width]."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: Any) -> None:
        """Create both tables, normal with standard deviation 1 / sqrt(width)."""

        def table(rows: int, name: str) -> Any:
            spread = {"class_name": "RandomNormal", "config": {"stddev": self.width**-0.5}}
            return self.add_weight(shape=(rows, self.width), initializer=spread, name=name)

        self.tokens = table(VOCABULARY, "tokens")
        self.places = table(input_shape[-1], "places")

    def call(self, tokens: Any) -> Any:
        """[B, L] integers → [B, L, width]."""
        return keras.ops.take(self.tokens, tokens, axis=0) + self.places

    def get_config(self) -> dict[str, Any]:
        """Arguments that Keras needs to rebuild the layer."""
        return {**super().get_config(), "width": self.width}

    def standard(self) -> keras.layers.Layer:
        """Two embeddings of Keras, the second for positions counted along the tokens."""
        tokens = keras.Input(self.input.shape[1:], dtype=self.input.dtype)
        places = keras.ops.cumsum(keras.ops.ones_like(tokens), axis=1) - 1
        x = keras.layers.Embedding(VOCABULARY, self.width)(tokens)
        x = x + keras.layers.Embedding(self.input.shape[1], self.width)(places)
        return keras.Model(tokens, x, name=self.name)

    def standard_weights(self) -> list[np.ndarray]:
        """Both tables, tokens first."""
        return [keras.ops.convert_to_numpy(table) for table in (self.tokens, self.places)]
