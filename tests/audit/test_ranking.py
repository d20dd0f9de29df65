"""Rankings worked out by hand, and beside scikit-learn's on scores with many ties."""

import numpy as np
import pytest
from sklearn import metrics

from ieg.audit import ranking

SCORES = np.array([0.9, 0.8, 0.8, 0.3, 0.1])
SOUGHT = np.array([True, False, True, False, True])


def test_auroc_counts_pairs_and_ties_half() -> None:
    # 0.9 beats both others; 0.8 ties with one and beats the other; 0.1 beats none: 3.5 of 6.
    assert ranking.auroc(SCORES, SOUGHT) == pytest.approx(3.5 / 6)


def test_average_precision_takes_equal_scores_together() -> None:
    # Down to 0.9: 1 of 1. Down to 0.8: 2 of 3. Down to 0.1: 3 of 5.
    assert ranking.average_precision(SCORES, SOUGHT) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_precision_at_k_takes_the_first_of_equal_scores() -> None:
    assert ranking.precision_at(SCORES, SOUGHT, 1) == 1
    assert ranking.precision_at(SCORES, SOUGHT, 2) == 0.5
    assert ranking.precision_at(SCORES, SOUGHT, 3) == pytest.approx(2 / 3)


def test_f1() -> None:
    assert ranking.f1(SCORES > 0.5, SOUGHT) == pytest.approx(2 * 2 / (3 + 3))
    assert ranking.f1(np.zeros(5, bool), SOUGHT) == 0


@pytest.mark.parametrize("decimals", [1, 2, 6])
def test_as_in_scikit_learn(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    sought = rng.random(400) < 0.3
    scores = np.round(rng.random(400) + 0.3 * sought, decimals)
    assert ranking.auroc(scores, sought) == pytest.approx(metrics.roc_auc_score(sought, scores))
    assert ranking.average_precision(scores, sought) == pytest.approx(
        metrics.average_precision_score(sought, scores)
    )
    assert ranking.f1(scores > 0.5, sought) == pytest.approx(metrics.f1_score(sought, scores > 0.5))
