"""Predictions of a network with a second, frozen set of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from ieg.networks import parts


class Frozen:
    """A network in inference mode with weights that are kept beside its own.

    It owns no variables: `named` gives the values for the caller to keep, `logits` takes them back.

    Args:
      model: the network.
      prefix: of the names under which the values are kept.
    """

    def __init__(self, model: keras.Model, prefix: str) -> None:
        self._model = model
        self._prefix = prefix
        places = {id(variable): place for place, variable in enumerate(parts.values_of(model))}
        # None stands for a counter, such as that of dropout.
        self._trainable = [places.get(id(v.value)) for v in model.trainable_variables]
        self._others = [places.get(id(v.value)) for v in model.non_trainable_variables]

    def named(self, values: Sequence[np.ndarray]) -> dict[str, tf.Tensor]:
        """Name the values to keep.

        Args:
          values: weights and moving statistics in the order of `parts.values_of`.
        Returns:
          One tensor for each, under the name that `logits` looks for.
        """
        return {f"{self._prefix}_{place}": tf.constant(v) for place, v in enumerate(values)}

    def logits(
        self,
        images: tf.Tensor,
        kept: Mapping[str, tf.Variable],
        network_state: Sequence[tf.Tensor],
    ) -> tf.Tensor:
        """Predict with the kept weights.

        Args:
          images: [B, H, W, C] float32 in [-1, 1].
          kept: variables by name, among them those of `named`.
          network_state: non-trainable variables of the network in training, of which only the
            counters are used.
        Returns:
          Logits [B, K] without a gradient.
        """

        def value(place: int) -> tf.Tensor:
            return tf.convert_to_tensor(kept[f"{self._prefix}_{place}"])

        params = [value(place) for place in self._trainable if place is not None]
        others = [
            now if place is None else value(place)
            for place, now in zip(self._others, network_state, strict=True)
        ]
        logits, _ = self._model.stateless_call(params, others, images, training=False)
        return tf.stop_gradient(logits)
