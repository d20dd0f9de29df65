"""Running means per example of the values that training logs, such as its loss."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from ieg import replicas

#: Decay d of the running means, which cover about 1 / (1 - d) visits of an example.
DECAY = 0.9


class Ledger(tf.Module):
    """Running means over visits, a[i] ← d a[i] + (1 - d) x_i for example i, equal on all replicas.

    Args:
      num_examples: N.
      columns: names of the C values per example.
    """

    def __init__(self, num_examples: int, columns: Sequence[str]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.means = replicas.variable(tf.zeros([num_examples, len(self.columns)]))
        self.visits = replicas.variable(tf.zeros([num_examples], tf.int32))

    def record(self, index: tf.Tensor, values: Mapping[str, tf.Tensor]) -> None:
        """Enter the values of a batch; called in replica context.

        An example that is c times in the batch counts as c visits with the mean x of its values,
        a ← d^c a + (1 - d^c) x. Each row adds its share of that change.

        Args:
          index: [B] examples of this replica.
          values: [B] for each column.
        """
        rows = tf.stack([tf.cast(values[c], tf.float32) for c in self.columns], axis=1)  # [B, C]
        index, rows = replicas.gather(index), replicas.gather(rows)
        same = tf.cast(index[:, tf.newaxis] == index, tf.float64)
        copies = tf.reduce_sum(same, axis=1, keepdims=True)
        share = tf.cast((1 - DECAY**copies) / copies, tf.float32)
        replicas.scatter_add(self.means, index, share * (rows - tf.gather(self.means, index)))
        replicas.scatter_add(self.visits, index, tf.ones_like(index))

    def read(self) -> dict[str, np.ndarray]:
        """Read all columns.

        Returns:
          [N] means by column, corrected for their start at 0, nan without a visit; and [N] visits.
        """
        visits = self.visits.numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            means = self.means.numpy() / (1 - DECAY ** visits[:, np.newaxis])
        return {"visits": visits, **dict(zip(self.columns, means.T, strict=True))}
