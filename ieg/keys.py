"""Random numbers as a function of (seed, purpose, step): no hidden state, so nothing to restore."""

import zlib

import numpy as np
import tensorflow as tf


def _entropy(seed: int, purpose: str) -> list[int]:
    return [seed, zlib.crc32(purpose.encode())]


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A NumPy generator of its own for each purpose: drawing more for one leaves the others alone.

    Args:
      seed: the run's seed, at least 0.
      purpose: what the numbers are for, such as "noise".
    """
    return np.random.default_rng(_entropy(seed, purpose))


def words(seed: int, purpose: str, count: int) -> np.ndarray:
    """[count] uint32 that stand for (seed, purpose), for seeds of compiled code."""
    return np.random.SeedSequence(_entropy(seed, purpose)).generate_state(count, np.uint32)


def stateless_seed(seed: int, purpose: str, step: tf.Tensor) -> tf.Tensor:
    """[2] int32, the seed that `tf.random.stateless_*` takes for this purpose at this step.

    Args:
      seed, purpose: as for `generator`.
      step: scalar integer tensor, the 0-based iteration.
    """
    word = words(seed, purpose, 1).view(np.int32)[0]
    return tf.stack([tf.constant(word, tf.int32), tf.cast(step, tf.int32)])
