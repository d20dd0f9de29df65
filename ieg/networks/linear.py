"""A linear classifier on features that another network has computed."""

from __future__ import annotations

import keras

from ieg.networks import register
from ieg.networks.layers import dropout


@register("linear", weight_decay=1e-4, takes="features")
def linear(input_shape: tuple[int], num_classes: int, *, dropout_rate: float) -> keras.Model:
    """A linear classifier (softmax regression) on features, for frozen backbones."""
    features = keras.Input(input_shape)
    x = dropout(features, dropout_rate)
    return keras.Model(features, keras.layers.Dense(num_classes)(x), name="linear")
