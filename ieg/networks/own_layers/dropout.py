"""Dropout that a resumed run goes on with as if it had not been stopped."""

import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ieg.networks.own_layers.base import OwnLayer


class CountedDropout(OwnLayer):
    """Dropout whose mask is a function of a counter that is saved with the network.

    Keras' own layer keeps its seed out of the checkpoint, so that a resumed run would differ. The
    mask of a row depends on its place in the global batch, not on the replica.

    Args:
      rate: share of the features set to 0, in (0, 1); the others are scaled by 1 / (1 - rate).
      seed: of the masks; None draws one from Python's generator, as Keras' initializers do, so that
        `networks.create` seeds it.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = random.randrange(2**31) if seed is None else seed

    def build(self, input_shape: Any) -> None:
        """Create the counter."""
        self.counter = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="counter"
        )

    def call(self, x: Any, training: bool = False) -> Any:
        """[B, D] → [B, D]; in training mode the counter increases by one."""
        if not training:
            return x
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        replica = context.replica_id_in_sync_group if context else 0
        rows = tf.shape(x)[0]
        seed = tf.stack([tf.constant(self.seed, tf.int32), tf.convert_to_tensor(self.counter)])
        draws = tf.random.stateless_uniform([rows * replicas, x.shape[1]], seed)
        mine = draws[replica * rows : (replica + 1) * rows]
        self.counter.assign(self.counter + 1)
        return tf.where(mine >= self.rate, x / (1 - self.rate), 0.0)

    def get_config(self) -> dict[str, Any]:
        """Arguments that Keras needs to rebuild the layer."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}

    def standard(self) -> keras.layers.Layer:
        """Identity: nothing is dropped in inference mode."""
        return keras.layers.Identity()

    def standard_weights(self) -> list[np.ndarray]:
        """No weights: the counter counts training steps."""
        return []
