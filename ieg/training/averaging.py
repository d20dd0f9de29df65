"""Exponential moving average of the weights.

Averaging of iterates: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging",
SIAM Journal on Control and Optimization, 1992.
"""

from typing import Any

import tensorflow as tf


def ema_decay(step: int | tf.Tensor, decay: float = 0.999) -> tf.Tensor:
    """Decay of the average, small at first so that the random initial weights are soon forgotten.

    d(t) = min(decay, (1 + t) / (10 + t))        `num_updates` of TensorFlow's
                                                 ExponentialMovingAverage
    Args:
      step: t, the number of updates before this one; scalar of any integer or float type.
      decay: limit of d(t), in [0, 1].
    Returns:
      Scalar float32. The limit 0.999 is reached at t = 8990.

    >>> [round(float(ema_decay(step)), 3) for step in (0, 8, 80, 100_000)]
    [0.1, 0.5, 0.9, 0.999]
    """
    t = tf.cast(step, tf.float32)
    return tf.minimum(tf.constant(decay, tf.float32), (1.0 + t) / (10.0 + t))


def ema_update(average: Any, value: Any, decay: Any) -> Any:
    """Update of the average by a new value: decay · average + (1 - decay) · value.

    Computed as average - (1 - decay) (average - value), which leaves an average that equals the
    value unchanged to the bit.

    Args:
      average: float, NumPy array or tensor.
      value: the new value, same shape and dtype.
      decay: scalar in [0, 1], a Python float or of the average's type.
    Returns:
      The new average, of the same shape and dtype.

    >>> ema_update(1.0, 3.0, decay=0.75)
    1.5
    """
    return average - (1.0 - decay) * (average - value)
