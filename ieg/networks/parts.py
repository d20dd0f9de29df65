"""Features, classifier and stages of a network, told by its top-level layers."""

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
    """The same network with what its classifier sees as a second output.

    Args:
      model: a network as this package describes them.
    Returns:
      images → (logits [B, K], features [B, D] in float32, behind dropout). It shares all variables
      and has them in the order of `model`, so that `stateless_call` takes the same lists.
    """
    features = classifier(model).input
    if features.dtype != "float32":  # of a network of mixed precision
        features = keras.ops.cast(features, "float32")
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, [*model.outputs, features], name=model.name)


def values_of(model: keras.Model) -> list[tf.Variable]:
    """The network's weights and moving statistics, each at the place that it has in a checkpoint.

    Independent of what is trainable, and of layers that only count, such as dropout.
    """
    return [v.value for v in model.variables if v.dtype.startswith("float")]


def lookahead_variables(model: keras.Model, level: int) -> list[int]:
    """Which trainable variables take the look-ahead, `--meta_partial_level`.

    Args:
      model: a network as this package describes them; a model without nested stages knows the
        levels 0 and -1 only.
      level: 0 the classifier; k the last k stages and everything after them; -1 all.
    Returns:
      indices into `model.trainable_variables`, ascending.
    Raises:
      InputError: the network has fewer stages than that.
    """
    if level == -1:
        return list(range(len(model.trainable_variables)))
    last = model.layers.index(classifier(model))
    stages = [i for i, layer in enumerate(model.layers) if isinstance(layer, keras.Model)]
    if not 0 <= level <= len(stages):
        raise InputError(
            f"--meta_partial_level={level}: network {model.name!r} has {len(stages)} stages; "
            "0 takes the classifier alone, -1 all variables"
        )
    first = last if level == 0 else stages[-level]
    chosen = {id(v) for layer in model.layers[first:] for v in layer.trainable_variables}
    return [i for i, v in enumerate(model.trainable_variables) if id(v) in chosen]


def weight_decay(model: keras.Model, coefficient: float) -> list[float]:
    """Decay coefficient of every trainable variable: wd · ½ Σ‖θ‖² over all of them."""
    return [coefficient] * len(model.trainable_variables)


def synchronise_batch_norm(model: keras.Model) -> None:
    """From now on batch norm in training mode takes the statistics of the global batch.

    Its moments are a collective, through which tapes differentiate but forward mode does not.
    """
    for layer in layers_within(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def layers_within(model: keras.Model) -> list[keras.layers.Layer]:
    """All layers, those of nested models too."""
    found = []
    for layer in model.layers:
        found += layers_within(layer) if isinstance(layer, keras.Model) else [layer]
    return found
