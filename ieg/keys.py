"""Random numbers as a function of (seed, purpose, step): no hidden state, nothing to restore."""

from __future__ import annotations

import zlib

import numpy as np
import tensorflow as tf


def _entropy(seed: int, purpose: str) -> list[int]:
    return [seed, zlib.crc32(purpose.encode())]


def generator(seed: int, purpose: str) -> np.random.Generator:
    """NumPy generator of its own for each purpose: drawing more for one leaves the others alone.

    Args:
      seed: seed of the run, at least 0.
      purpose: a name for the use of the numbers, such as "noise".

    >>> generator(7, "noise").integers(100) == generator(7, "noise").integers(100)
    np.True_
    """
    return np.random.default_rng(_entropy(seed, purpose))


def words(seed: int, purpose: str, count: int) -> np.ndarray:
    """Seed words [count] uint32 from (seed, purpose), for random numbers in compiled code."""
    return np.random.SeedSequence(_entropy(seed, purpose)).generate_state(count, np.uint32)


def stateless_seed(seed: int, purpose: str, step: tf.Tensor) -> tf.Tensor:
    """Seed [2] int32 of `tf.random.stateless_*` for a purpose at a step.

    Args:
      seed, purpose: as for `generator`.
      step: scalar integer tensor, 0-based step of the run.
    """
    word = words(seed, purpose, 1).view(np.int32)[0]
    return tf.stack([tf.constant(word, tf.int32), tf.cast(step, tf.int32)])
