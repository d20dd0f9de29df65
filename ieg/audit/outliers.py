"""Images that belong to no class: far from the mean features of every class.

Class means are hardly moved by wrong labels or by a few percent of outliers. Neighbors are:
outliers that resemble each other, such as scanned text among photographs, are neighbors of each
other, and k-nearest-neighbor distances then call them typical. Measured on flowers with drawn
letters and CIFAR-10 images among them, in `python -m benchmarks.audit outliers`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

#: Fence of Tukey in interquartile ranges. Of normally distributed scores 0.35 % lie above it,
#: and of flowers 0.7 % did, 0.8 % with 30 % of the labels drawn anew.
FENCE = 1.5
_BLOCK = 4096


class Outliers(NamedTuple):
    """Scores of n images.

    Attributes:
      score: [n] in [0, 2], 1 - cosine to the nearest class mean; the higher the less typical.
      threshold: limit for the score of a typical image.
      outlier: [n] bool, score > threshold.
    """

    score: FloatArray
    threshold: float
    outlier: NDArray[np.bool_]


def find_outliers(features: ArrayLike, labels: ArrayLike, *, fence: float = FENCE) -> Outliers:
    """Find images that are far from all classes.

        score_i = 1 - max_k cos(x_i, Σ_{j ≠ i, g_j = k} x_j / ‖x_j‖)
        threshold = Q3 + fence · (Q3 - Q1)

    An image does not count for the mean of its own class, so that one alone in a class is not
    typical by itself. The threshold is Tukey's rule on all scores: up to a quarter of outliers do
    not move it much. An image whose label is wrong is no outlier, since all classes count.

    Args:
      features: [n, D] float16 or float32 of a pretrained network, perhaps memory-mapped, not
        centered or standardized; read in blocks.
      labels: [n] of any type, given labels, of which some may be wrong.
      fence: in interquartile ranges, at least 0; a lower one finds more. Of normally distributed
        scores 2.2 % lie above it with 1.0, 0.35 % with 1.5 and 0.04 % with 2.0.
    Returns:
      `Outliers`; of no image, a threshold of 2.
    Raises:
      ValueError: shapes or the fence are not as above, or a feature is not finite.

    Reference: Tukey, "Exploratory Data Analysis", Addison-Wesley, 1977 (the fences).

    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal([[5, 0, 0], [0, 5, 0]] * 20, 0.3)
    >>> features[7] = [0, 0, 5]
    >>> found = find_outliers(features.astype(np.float32), [0, 1] * 20)
    >>> found.score.argmax(), found.score[7].round(1), found.outlier[7]
    (np.int64(7), np.float64(1.0), np.True_)
    """
    table, given = np.asanyarray(features), np.asarray(labels)
    if table.ndim != 2 or given.shape != table.shape[:1]:
        raise ValueError(
            f"expected features [n, D] and labels [n], got {table.shape} and {given.shape}"
        )
    if not fence >= 0:
        raise ValueError(f"expected a fence of at least 0, got {fence}")
    if not len(table):
        return Outliers(np.zeros(0), 2.0, np.zeros(0, bool))
    classes, number = np.unique(given, return_inverse=True)
    sums = np.zeros([len(classes), table.shape[1]])
    for some in _blocks(len(table)):
        np.add.at(sums, number[some], _unit(table[some]))
    score = np.concatenate(
        [_score(table[some], number[some], sums) for some in _blocks(len(table))]
    )
    low, high = np.quantile(score, [0.25, 0.75])
    threshold = float(high + fence * (high - low))
    return Outliers(score, threshold, score > threshold)


def _score(rows: NDArray[np.floating], number: NDArray[np.int64], sums: FloatArray) -> FloatArray:
    """[r] one minus the largest cosine to a class, each row without itself."""
    unit = _unit(rows)
    places = np.arange(len(unit))
    toward = unit @ sums.T  # [r, K]
    lengths = np.broadcast_to((sums**2).sum(axis=1), toward.shape).copy()
    own = (unit**2).sum(axis=1)  # 1, or 0 for a row of zeros
    # ‖s - u‖² = ‖s‖² - 2 ⟨s, u⟩ + ‖u‖²
    lengths[places, number] += own - 2 * toward[places, number]
    toward[places, number] -= own
    lengths = np.sqrt(lengths.clip(0))
    known = lengths > 1e-6  # a class of one image has no mean without it
    cosine = np.divide(toward, lengths, out=np.full_like(toward, -1), where=known)
    return np.clip(1 - cosine.max(axis=1), 0, 2)


def _unit(rows: NDArray[np.floating]) -> FloatArray:
    wide = np.asarray(rows, np.float64)
    if not np.isfinite(wide).all():
        raise ValueError("expected finite features, got nan or infinity")
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(length > 0, length, 1)


def _blocks(count: int) -> Iterator[slice]:
    return (slice(first, first + _BLOCK) for first in range(0, count, _BLOCK))
