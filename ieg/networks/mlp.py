"""A multilayer perceptron for features, such as those of a pretrained network."""

from __future__ import annotations

import keras

from ieg.networks import register
from ieg.networks.blocks import stage
from ieg.networks.layers import dropout

_HIDDEN = 128


@register("mlp", weight_decay=1e-4, takes="features")
def mlp(input_shape: tuple[int], num_classes: int, *, dropout_rate: float) -> keras.Model:
    """A perceptron with one hidden layer of 128 units, for data sets of features.

    ReLU, dropout and the classifier. 131,458 parameters for 2 classes and 1,024 features.
    """
    features = keras.Input(input_shape)
    x = stage(features, "stage1", keras.layers.Dense(_HIDDEN, "relu"))
    x = dropout(x, dropout_rate)
    return keras.Model(features, keras.layers.Dense(num_classes)(x), name="mlp")
