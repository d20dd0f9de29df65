"""What training says about each example: a running mean per example of every value."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from ieg import replicas

#: The mean looks back over about 1 / (1 - DECAY) visits of an example.
DECAY = 0.9

#: After so many visits the start of training, when a network knows nothing, weighs an eighth.
SETTLED = 20


class Ledger(tf.Module):
    """Running means a[i] ← d a[i] + (1 - d) x_i over the visits of example i, the same on replicas.

    Args:
      num_examples: N.
      columns: names of the values.
    """

    def __init__(self, num_examples: int, columns: Sequence[str]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        keep = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self.means = tf.Variable(tf.zeros([num_examples, len(self.columns)]), **keep)
        self.visits = tf.Variable(tf.zeros([num_examples], tf.int32), **keep)

    def record(self, index: tf.Tensor, values: Mapping[str, tf.Tensor]) -> None:
        """Enters this replica's [B] values of every column for examples `index` [B]."""
        rows = tf.stack([tf.cast(values[c], tf.float32) for c in self.columns], axis=1)  # [B, C]
        index, rows = replicas.gather(index), replicas.gather(rows)
        change = (1 - DECAY) * (rows - tf.gather(self.means, index))
        replicas.scatter_add(self.means, index, change)
        replicas.scatter_add(self.visits, index, tf.ones_like(index))

    def read(self) -> dict[str, np.ndarray]:
        """[N] per column, corrected for the start at 0 and nan where never visited; and visits."""
        visits = self.visits.numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            means = self.means.numpy() / (1 - DECAY ** visits[:, np.newaxis])
        return {"visits": visits, **dict(zip(self.columns, means.T, strict=True))}

    def settled_loss(self) -> np.ndarray:
        """[N] running mean of the loss; nan for examples with fewer than `SETTLED` visits.

        This is what the label audit goes by: of few visits the start of training, when a network
        knows nothing, would decide.
        """
        found = self.read()
        return np.where(found["visits"] < SETTLED, np.nan, found["loss"])
