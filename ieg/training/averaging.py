"""Exponential moving average of the weights."""

from typing import Any

import tensorflow as tf


def ema_decay(step: int | tf.Tensor, decay: float = 0.999) -> tf.Tensor:
    """Decay of the average, small at first so that the random start is soon forgotten.

    d(t) = min(decay, (1 + t) / (10 + t))

    Args:
      step: t, scalar of any integer or float type; the number of updates that went before.
      decay: the decay that holds in the long run, in [0, 1].
    Returns:
      Scalar float32. With 0.999 the limit is reached at t = 8990.

    Source: `num_updates` of TensorFlow's ExponentialMovingAverage.
    """
    t = tf.cast(step, tf.float32)
    return tf.minimum(tf.constant(decay, tf.float32), (1.0 + t) / (10.0 + t))


def ema_update(average: Any, value: Any, decay: Any) -> Any:
    """One update of the average.

    average - (1 - decay) (average - value), which is decay · average + (1 - decay) · value

    The first form returns the average unchanged, to the bit, where it already equals the value.

    Args:
      average: float, NumPy array or tensor.
      value: the newest value, same shape and dtype.
      decay: scalar in [0, 1], of the average's kind or a Python float.
    Returns:
      The new average, shape and dtype as given.
    """
    return average - (1.0 - decay) * (average - value)
