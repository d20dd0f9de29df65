"""Backbone and head as one network that is trained from pixels."""

import keras

from ieg.features.middle import square
from ieg.features.standardization import Standardization
from ieg.networks import parts


def join(
    shape: tuple[int, ...],
    backbone: keras.Model,
    standardization: Standardization | None,
    head: keras.Model,
) -> keras.Model:
    """A trainable network: images, backbone, standardization, and a copy of the head.

    The layers of the head are top-level layers, so that `ieg.networks.parts` finds the classifier.

    Args:
      shape: (N, H, W, C) of images in [-1, 1]; other sizes than that of the backbone are brought
        to it, one channel becomes three.
      backbone: pixels [B, S, S, 3] in 0 .. 255 → features [B, D]. Its variables become trainable.
      standardization: of the features; None for features as they are.
      head: chain of layers from features [B, D] to logits [B, K].
    """
    backbone.trainable = True
    images = keras.Input(shape[1:])
    pixels = keras.layers.Rescaling(127.5, 127.5)(images)
    if shape[1:] != backbone.input_shape[1:]:
        pixels = square(pixels, backbone.input_shape[1])
    x = backbone(pixels)
    if standardization is not None:
        x = standardization.layer()(x)
    for layer in head.layers[1:]:
        own = layer.__class__.from_config(layer.get_config())
        x = own(x)
        own.set_weights(layer.get_weights())
    return keras.Model(images, x, name=head.name)


def keep_batch_norm(backbone: keras.Model) -> None:
    """Keep batch norm in inference mode, its statistics, scale and offset as they are, in place.

    The statistics of small batches would undo what the other layers have learned: Keras' guide
    "Transfer learning and fine-tuning".
    """
    for layer in parts.layers_within(backbone):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def behind_backbone(network: keras.Model, backbone: keras.Model) -> keras.Model:
    """The part of a joined network from features to logits; it shares all variables.

    Args:
      network: made by `join`.
      backbone: the one within it.
    """
    features = keras.Input(backbone.output_shape[1:])
    x = features
    for layer in network.layers[network.layers.index(backbone) + 1 :]:
        x = layer(x)
    return keras.Model(features, x, name=network.name)
