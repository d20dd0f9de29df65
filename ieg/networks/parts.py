"""Features, classifier and stages of a network, told apart by its top-level layers."""

from __future__ import annotations

import keras
import tensorflow as tf

from ieg.errors import InputError


def classifier(model: keras.Model) -> keras.layers.Layer:
    """The last top-level layer that has weights.

    Raises:
      InputError: no layer of the model has weights.
    """
    for layer in reversed(model.layers):
        if layer.trainable_variables:
            return layer
    raise InputError(f"network {model.name!r} has no layer with weights")


def with_features(model: keras.Model) -> keras.Model:
    """Add the input of the classifier as a second output.

    Args:
      model: a network with the structure that `ieg.networks` describes.
    Returns:
      A model from examples to logits [B, K] and features [B, D] float32, the latter after dropout.
      It shares all variables, in the order of `model`, so that `stateless_call` takes the same
      lists.
    """
    features = classifier(model).input
    if features.dtype != "float32":  # mixed precision
        features = keras.ops.cast(features, "float32")
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, [*model.outputs, features], name=model.name)


def values_of(model: keras.Model) -> list[tf.Variable]:
    """Weights and moving statistics of a network, in the order of a checkpoint.

    The order does not depend on which layers are trainable, nor on layers that only count, such as
    dropout.
    """
    return [v.value for v in model.variables if v.dtype.startswith("float")]


def lookahead_variables(model: keras.Model, level: int) -> list[int]:
    """Select the trainable variables that take the look-ahead.

    Args:
      model: a network with the structure that `ieg.networks` describes; without nested stages only
        the levels 0 and -1 exist.
      level: `meta_partial_level`: 0 for the classifier, k for the last k stages and everything
        after them, -1 for all.
    Returns:
      Indices into `model.trainable_variables`, ascending.
    Raises:
      InputError: the network has fewer stages than that.
    """
    if level == -1:
        return list(range(len(model.trainable_variables)))
    last = model.layers.index(classifier(model))
    stages = [
        i
        for i, layer in enumerate(model.layers)
        if isinstance(layer, keras.Model) and layer.weights
    ]
    if not 0 <= level <= len(stages):
        raise InputError(
            f"network {model.name!r} has {len(stages)} stages; 0 takes the classifier alone, "
            "-1 all variables",
            option="meta_partial_level",
            value=level,
        )
    first = last if level == 0 else stages[-level]
    chosen = {id(v) for layer in model.layers[first:] for v in layer.trainable_variables}
    return [i for i, v in enumerate(model.trainable_variables) if id(v) in chosen]


def weight_decay(model: keras.Model, coefficient: float) -> list[float]:
    """Decay coefficient of each trainable variable: wd · ½ ‖θ‖², the same for all."""
    return [coefficient] * len(model.trainable_variables)


def synchronize_batch_norm(model: keras.Model) -> None:
    """Let batch norm in training mode use the statistics of the global batch, in place.

    Its moments become a collective, which tapes differentiate and forward mode does not.
    """
    for layer in layers_within(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def layers_within(model: keras.Model) -> list[keras.layers.Layer]:
    """All layers of a model, with those of nested models in their place."""
    found = []
    for layer in model.layers:
        found += layers_within(layer) if isinstance(layer, keras.Model) else [layer]
    return found
