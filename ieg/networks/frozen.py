"""A second set of weights for a network, which predicts and never learns."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from ieg.networks import parts


class Frozen:
    """The same network with other weights, in inference mode.

    It owns no variables: it says what to keep, and predicts from what was kept.

    Args:
      model: the network.
      prefix: of the names under which its values are kept.
    """

    def __init__(self, model: keras.Model, prefix: str) -> None:
        self._model = model
        self._prefix = prefix
        places = {id(variable): place for place, variable in enumerate(parts.values_of(model))}
        # None stands for what only counts, as dropout does.
        self._trainable = [places.get(id(v.value)) for v in model.trainable_variables]
        self._others = [places.get(id(v.value)) for v in model.non_trainable_variables]

    def named(self, values: Sequence[np.ndarray]) -> dict[str, tf.Tensor]:
        """The values of `parts.values_of`, each under the name that `logits` looks for."""
        return {f"{self._prefix}_{place}": tf.constant(v) for place, v in enumerate(values)}

    def logits(
        self,
        images: tf.Tensor,
        kept: Mapping[str, tf.Variable],
        network_state: Sequence[tf.Tensor],
    ) -> tf.Tensor:
        """[B, K] without a gradient.

        Args:
          images: [B, H, W, C] float32 in [-1, 1].
          kept: what `named` gave, among others.
          network_state: of the network that learns; only what merely counts is taken from it.
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
