"""Sums, means and gathers over the replicas of a global batch; the identity with one replica.

Called in replica context (inside `strategy.run`). Scalars that belong to a batch are handled as
shares: each replica holds its part of a sum over the global batch, and `total` adds the parts.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

#: Mean over all entries of a batch, a scalar: `replica_mean` or `global_mean`.
Mean: TypeAlias = "Callable[[tf.Tensor], tf.Tensor]"

#: Each replica is traced in a thread of its own.
_of_thread = threading.local()


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Context that sets the batch for the functions of this module.

    Args:
      name: "global": the batches of all replicas together. "replica": each replica takes its own
        part for the whole, and every function here is the identity; the `shares` of its results
        then add up to a mean over replicas.
    """
    before, _of_thread.alone = _is_alone(), name == "replica"
    try:
        yield
    finally:
        _of_thread.alone = before


def shares(values: Any, name: str) -> Any:
    """Results of a `scope` as shares of the global batch.

    Args:
      values: a tensor or a tree of tensors.
      name: name of the scope; for "replica" the values are divided by the number of replicas.
    """
    if name == "global" or count() == 1:
        return values
    return tf.nest.map_structure(lambda value: value / count(), values)


def _is_alone() -> bool:
    return getattr(_of_thread, "alone", False)


def count() -> int:
    """Number of replicas that share the global batch."""
    if _is_alone():
        return 1
    return int(tf.distribute.get_replica_context().num_replicas_in_sync)


def total(values: Any) -> Any:
    """Sum over replicas of every tensor of a tree; equal on all replicas."""
    if count() == 1:
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, _placed(values))


def mean(values: Any) -> Any:
    """Mean over replicas of every tensor of a tree; equal on all replicas."""
    if count() == 1:
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, _placed(values))


def gather(values: tf.Tensor) -> tf.Tensor:
    """Concatenate [B, ...] of all replicas to [global batch, ...]."""
    if count() == 1:
        return values
    together = tf.distribute.get_replica_context().all_gather(_placed(values), axis=0)
    return tf.ensure_shape(together, [None, *values.shape[1:]])


def _placed(values: Any) -> Any:
    """Place values on the device of this replica, as collectives need; a batch has none itself."""
    return tf.nest.map_structure(tf.identity, values)


def collect(strategy: tf.distribute.Strategy, values: Any) -> np.ndarray:
    """`gather` outside of replicas: [B, ...] of all replicas and workers as one NumPy array."""
    return np.asarray(_collector(strategy)(values))


@functools.cache
def _collector(strategy: tf.distribute.Strategy) -> Callable[[Any], tf.Tensor]:
    return tf.function(lambda values: strategy.gather(values, axis=0), reduce_retracing=True)


def differentiable_gather(values: tf.Tensor) -> tf.Tensor:
    """`gather` with a gradient: the sum of the gradients of all replicas.

    A loss of the gathered batch is thus handled as shares: with 1 / count of it on each replica
    every row gets the gradient of the whole.

    Args:
      values: [B, ...] float, of the same shape on every replica.
    Returns:
      [B · replicas, ...].
    """
    if count() == 1:
        return values

    @tf.custom_gradient
    def gathered(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        mine = own_rows(values.shape[0])
        return gather(values), lambda upstream: tf.gather(total(upstream), mine)

    return gathered(values)


def batch_mean(values: tf.Tensor) -> tf.Tensor:
    """Share of this replica in the mean over the global batch.

    share_r = Σ_{i in replica r} values_i / (B · replicas)

    Args:
      values: [B] per example; B is the same on every replica.
    Returns:
      scalar; the shares of all replicas add up to the mean.
    """
    return tf.reduce_sum(values) / tf.cast(tf.size(values) * count(), values.dtype)


def replica_mean(values: tf.Tensor) -> tf.Tensor:
    """Mean over all entries of the batch of this replica, a scalar.

    >>> print(replica_mean(tf.constant([[1.0, 2.0], [3.0, 6.0]])).numpy())
    3.0
    """
    return tf.reduce_mean(values)


def global_mean(values: tf.Tensor) -> tf.Tensor:
    """Mean over all entries of all replicas, differentiable.

    Its gradient is the sum of the gradients of all replicas, as for a sum of their losses.

    Args:
      values: a tensor of the same shape on every replica.
    Returns:
      scalar, equal on all replicas.
    """
    return total(tf.reduce_mean(values) / count())


def own_rows(size: int) -> tf.Tensor:
    """Row numbers [size] int32 of this replica in a gathered [size · replicas, ...] batch."""
    if count() == 1:
        return tf.range(size)
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.cast(replica, tf.int32) * size + tf.range(size)


def equal_weights(like: tf.Tensor) -> tf.Tensor:
    """Equal weights [B] float32 for [B, ...]: 1 / (B · replicas), which sums to 1 over replicas."""
    size = tf.shape(like)[0]
    return tf.fill([size], 1 / tf.cast(size * count(), tf.float32))


def variable(value: tf.Tensor | np.ndarray) -> tf.Variable:
    """Create a variable with equal copies on all replicas, so that any of them stands for all.

    Write to it with `assign`, `scatter_add` and `scatter_update`.

    Args:
      value: its initial value.
    """
    aggregation = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(value, trainable=False, aggregation=aggregation)


def assign(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Assign values that are equal on all replicas, without reducing them once more.

    A plain `assign` would either be refused (aggregation NONE) or average equal numbers, which
    rounds for three replicas.
    """

    def update(strategy: tf.distribute.Strategy, values: Sequence[Any]) -> None:
        for variable, value in zip(variables, values, strict=True):
            strategy.extended.update(variable, lambda v, x: v.assign(x), args=(value,))

    if not tf.distribute.has_strategy():
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    else:
        tf.distribute.get_replica_context().merge_call(update, args=(list(values),))


def scatter_add(variable: tf.Variable, indices: tf.Tensor, values: tf.Tensor) -> None:
    """Add at indices, variable[indices_i] += values_i, for arguments equal on all replicas.

    Args:
      variable: [N, ...].
      indices: [B] int32.
      values: [B, ...].
    """
    _scatter(variable, lambda v, i, x: v.scatter_nd_add(i, x), indices, values)


def scatter_update(variable: tf.Variable, indices: tf.Tensor, values: tf.Tensor) -> None:
    """Write at indices, variable[indices_i] = values_i, for arguments equal on all replicas.

    The last value of a repeated index stays: the order of the op itself is not defined on GPUs, and
    each replica writes its own copy.

    Args:
      variable: [N, ...].
      indices: [B] int32.
      values: [B, ...].
    """
    place = tf.range(tf.size(indices))
    comes_again = (indices == indices[:, tf.newaxis]) & (place > place[:, tf.newaxis])
    last = ~tf.reduce_any(comes_again, axis=1)
    indices, values = tf.boolean_mask(indices, last), tf.boolean_mask(values, last)
    _scatter(variable, lambda v, i, x: v.scatter_nd_update(i, x), indices, values)


def _scatter(
    variable: tf.Variable, write: Callable[..., Any], indices: tf.Tensor, values: tf.Tensor
) -> None:
    def update(strategy: tf.distribute.Strategy, indices: Any, values: Any) -> None:
        strategy.extended.update(variable, write, args=(indices, values))

    indices = indices[:, tf.newaxis]
    if not tf.distribute.has_strategy():
        write(variable, indices, values)
    else:
        tf.distribute.get_replica_context().merge_call(update, args=(indices, values))
