"""Quality of label scores where the true labels are known."""

import numpy as np
from numpy.typing import ArrayLike

from ieg.audit.scores import THRESHOLD

#: k of `precision at k`: as many as a person looks through in a few minutes.
FIRST = 100


def measure(score: ArrayLike, wrong: ArrayLike) -> dict[str, float | None]:
    """Measure how well scores find the labels that are really wrong.

    Args:
      score: [n] float, the higher the more suspicious.
      wrong: [n] bool, true if the given label is wrong.
    Returns:
      auroc; average_precision; precision_at_wrong, among as many of the highest scores as labels
      are wrong; precision_at_100; f1 of score > 0.5; gain, wrong labels per look until half of them
      are found, as a multiple of looks in random order (at most n / number of wrong labels). Of
      equal scores the first come first. All but the gain are fractions in [0, 1], None where there
      is nothing to measure: no wrong label, none that is right (auroc), fewer than 100 examples.
    Raises:
      ValueError: the shapes differ.

    >>> found = measure([0.9, 0.8, 0.3, 0.1], [True, False, True, False])
    >>> found["auroc"], found["precision_at_wrong"], found["gain"]
    (0.75, 0.5, 2.0)
    """
    from sklearn import metrics  # takes a second, which nothing else here waits for

    scores, sought = np.asarray(score, np.float64), np.asarray(wrong, bool)
    if scores.ndim != 1 or scores.shape != sought.shape:
        raise ValueError(
            f"expected scores [n] and as many marks, got shapes {scores.shape} and {sought.shape}"
        )
    best_first = sought[np.argsort(-scores, kind="stable")]
    count, first = int(sought.sum()), f"precision_at_{FIRST}"
    names = ("auroc", "average_precision", "precision_at_wrong", first, "f1", "gain")
    found: dict[str, float | None] = dict.fromkeys(names)
    if 0 < count < len(sought):
        found["auroc"] = float(metrics.roc_auc_score(sought, scores))
    if count:
        found["average_precision"] = float(metrics.average_precision_score(sought, scores))
        found["precision_at_wrong"] = float(best_first[:count].mean())
        found["f1"] = float(metrics.f1_score(sought, scores > THRESHOLD))
        looks = int(np.searchsorted(np.cumsum(best_first), count / 2)) + 1
        found["gain"] = float(best_first[:looks].mean() / best_first.mean())
    if len(sought) >= FIRST:
        found[first] = float(best_first[:FIRST].mean())
    return found
