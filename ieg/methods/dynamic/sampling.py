"""Selection of the meta set, and of the examples of each step of an epoch."""

from typing import NamedTuple

import numpy as np

from ieg.data.pipeline import EpochPlan


class LevelSizes(NamedTuple):
    """Examples per class: n_min in the smallest class, N1 drawn from each, K of these selected."""

    smallest: int
    drawn: int
    kept: int


def level_sizes(labels: np.ndarray, random_ratio: float, low_loss_ratio: float) -> LevelSizes:
    """Sizes N1 = ⌊ρ1 n_min⌋ and K = ⌊ρ1 n_min ρ2⌋, at least 1; empty classes do not count.

    Args:
      labels: [n] integers, given labels.
      random_ratio: ρ1 in (0, 1].
      low_loss_ratio: ρ2 in (0, 1].

    >>> level_sizes(np.repeat([0, 1], [8, 20]), 0.5, 0.5)
    LevelSizes(smallest=8, drawn=4, kept=2)
    """
    counts = np.bincount(labels)
    smallest = int(counts[counts > 0].min())
    kept = max(1, int(random_ratio * smallest * low_loss_ratio))
    return LevelSizes(smallest, max(kept, int(random_ratio * smallest)), kept)


def random_level(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Random places [C, N1] in `labels`: N1 of each label that occurs, without replacement."""
    present = np.unique(labels)
    return np.stack([rng.permutation(np.flatnonzero(labels == k))[:size] for k in present])


def low_loss_level(primary: np.ndarray, losses: np.ndarray, size: int) -> np.ndarray:
    """Places [C, K] with the K lowest losses [n] in each row of `primary` [C, N1]."""
    order = np.argsort(losses[primary], axis=1, kind="stable")
    return np.take_along_axis(primary, order[:, :size], axis=1)


def cycles(indices: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The first `count` entries of repeated shuffles of `indices` [m]."""
    rounds = -(-count // len(indices))
    return np.concatenate([rng.permutation(indices) for _ in range(rounds)])[:count]


def finetune_steps(meta_size: int, batch_size: int) -> int:
    """Steps of one pass over the meta set; the last batch is filled from a second pass."""
    return -(-meta_size // batch_size)


def epoch_plan(
    train: np.ndarray,
    meta: np.ndarray,
    *,
    meta_steps: int,
    finetune_steps: int,
    batch_size: int,
    meta_batch: int,
    rng: np.random.Generator,
) -> EpochPlan:
    """Examples of an epoch: meta steps over the training part, then a pass over the meta set.

    Each step also has a batch of the meta set, in the place of probe examples.

    Args:
      train: [n] examples that are not in the meta set; none comes twice if they suffice.
      meta: [m] examples of the meta set.
      meta_steps, finetune_steps: numbers of steps.
      batch_size: global batch B.
      meta_batch: P, examples of the meta set in a global batch.
      rng: random numbers of the order.
    """
    rows = cycles(train, meta_steps * batch_size, rng)
    if finetune_steps:
        rows = np.concatenate([rows, cycles(meta, finetune_steps * batch_size, rng)])
    probe = cycles(meta, (meta_steps + finetune_steps) * meta_batch, rng)
    return EpochPlan(rows.reshape(-1, batch_size), probe.reshape(-1, meta_batch))
