"""Networks of the caller's own in a classifier, and the settings that a method needs for them."""

import copy
import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ieg.errors import InputError
from ieg.meta import forward_mode
from ieg.methods import REGISTRY as METHODS
from ieg.networks import NetworkEntry, own, seeded

_WEIGHT_DECAY = 4e-4

#: (shape of an example, K) → network from examples to logits.
NetworkFunction = Callable[[tuple[int, ...], int], keras.Model]


def maker(
    network: keras.Model | NetworkFunction, examples: np.ndarray, num_classes: int, seed: int
) -> Callable[[], keras.Model]:
    """Function that makes a new network in each call, and checks it.

    Args:
      network: the caller's model, of which copies are made, or a function.
      examples: [B, ...] as the network will see them.
      num_classes: K.
      seed: seed of initial weights that Keras draws.
    """

    def make() -> keras.Model:
        if isinstance(network, keras.Model):
            model = _copied(network)
        else:
            with seeded(seed):
                model = network(examples.shape[1:], num_classes)
        own.logits_of(model, examples, num_classes)  # some models make their variables here
        return own.as_graph(model, examples.shape[1:])

    return make


def entry(make: Callable[[], keras.Model]) -> NetworkEntry:
    """Registry entry of the caller's network, for `ieg.config.resolve`.

    Args:
      make: see `maker`.
    """

    def build(input_shape: Any, num_classes: int, *, dropout_rate: float) -> keras.Model:
        return make()

    return NetworkEntry(build, weight_decay=_WEIGHT_DECAY, as_is=True)


def _copied(network: keras.Model) -> keras.Model:
    """Copy of a model.

    Raises:
      InputError: it cannot be copied.
    """
    try:
        return copy.deepcopy(network)
    except Exception as error:  # layers of the caller's own may raise anything
        raise InputError(
            f"network {network.name!r} cannot be copied ({' '.join(str(error).split())[:150]}); "
            "give a function (input_shape, num_classes) that makes it"
        ) from error


def settings_for(
    make: Callable[[], keras.Model], method: str, examples: np.ndarray, num_classes: int
) -> dict[str, Any]:
    """Settings that the caller's network needs, unless they are given.

    Without a final layer from features to logits all variables take part in the look-ahead. If
    forward mode is not exact for the network, nested tapes take its place.

    Args:
      make: see `maker`.
      method: name of the method.
      examples: [B, ...] as the network will see them, two batches.
      num_classes: K.
    Returns:
      option → value; a warning is logged for each.
    Raises:
      InputError: the network cannot be trained.
    """
    model = make()
    logits = own.logits_of(model, examples, num_classes)
    options = {field.name for field in dataclasses.fields(METHODS.get(method).Options)}
    found: dict[str, Any] = {}
    log = logging.getLogger("ieg")
    if "meta_partial_level" in options and not own.has_classifier(model, examples, logits):
        found["meta_partial_level"] = -1
        log.warning(
            "network %r does not end with a layer from features to logits: all variables take part "
            "in the look-ahead",
            model.name,
        )
    if "meta_gradient" in options and not _forward_mode_holds(model, examples):
        found["meta_gradient"] = "nested"
        log.warning(
            "forward mode is not exact for network %r: nested tapes differentiate the look-ahead, "
            "which takes longer",
            model.name,
        )
    return found


def fingerprint(network: keras.Model | NetworkFunction, make: Callable[[], keras.Model]) -> str:
    """Fingerprint of the caller's network, the same in every process.

    It covers layers, their settings and the shapes of their variables, and for a model its weights;
    a function may draw others each time. Names are left out: Keras counts up in names of layers.

    Args:
      network: the caller's model or function.
      make: see `maker`.
    """
    model = make()
    try:
        config: Any = model.get_config()
    except NotImplementedError:  # a layer of the caller's own that cannot be written down
        config = [type(layer).__name__ for layer in model.layers]
    numbers = {name: f"layer {number}" for number, name in enumerate(dict.fromkeys(_names(config)))}
    shapes = [(tuple(v.shape), v.dtype, v.trainable) for v in model.variables]
    content = hashlib.sha256(repr((_renamed(config, numbers), shapes)).encode())
    if isinstance(network, keras.Model):
        for weights in model.get_weights():
            content.update(np.asarray(weights).tobytes())
    return content.hexdigest()[:16]


def _names(config: Any) -> Iterator[str]:
    """Names of all layers in a configuration.

    A mapping with a name only, for example of a dtype, is no layer.
    """
    if isinstance(config, Mapping):
        if "name" in config and len(config) > 1:
            yield config["name"]
        for key in sorted(config):
            yield from _names(config[key])
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _names(value)


def _renamed(config: Any, names: Mapping[str, str]) -> Any:
    """Configuration with other names of layers, and its mappings sorted by key."""
    if isinstance(config, Mapping):
        return [(key, _renamed(config[key], names)) for key in sorted(config)]
    if isinstance(config, list | tuple):
        return [_renamed(value, names) for value in config]
    return names.get(config, config) if isinstance(config, str) else config


def _forward_mode_holds(model: keras.Model, examples: np.ndarray) -> bool:
    """True if forward mode agrees with reverse mode on both batches."""
    params = [v.value for v in model.trainable_variables]
    others = [tf.convert_to_tensor(v.value) for v in model.non_trainable_variables]
    for batch in np.array_split(examples, 2):

        def predict(theta: list[tf.Tensor], batch: np.ndarray = batch) -> tf.Tensor:
            return model.stateless_call(theta, others, tf.constant(batch), training=True)[0]

        if forward_mode.transposition_error(predict, params) > forward_mode.TOLERANCE:
            return False
    return True
