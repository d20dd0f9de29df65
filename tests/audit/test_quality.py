"""Measures of scores against the truth: what is left of ties, and what cannot be measured."""

import numpy as np
import pytest

from ieg import audit

SCORES = np.array([0.9, 0.8, 0.8, 0.3, 0.1])
WRONG = np.array([True, False, True, False, True])


def test_by_hand() -> None:
    found = audit.measure(SCORES, WRONG)
    # 0.9 beats both others; 0.8 ties with one and beats the other; 0.1 beats none: 3.5 of 6.
    assert found["auroc"] == pytest.approx(3.5 / 6)
    # Down to 0.9: 1 of 1. Down to 0.8: 2 of 3. Down to 0.1: 3 of 5.
    assert found["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert found["precision_at_wrong"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert found["precision_at_100"] is None


def test_precision_takes_the_first_of_equal_scores() -> None:
    first = audit.measure([0.9, 0.8, 0.8, 0.1], [True, True, False, False])
    last = audit.measure([0.9, 0.8, 0.8, 0.1], [True, False, True, False])
    assert (first["precision_at_wrong"], last["precision_at_wrong"]) == (1, 0.5)


def test_f1_is_zero_when_nothing_is_suspected() -> None:
    assert audit.measure(np.zeros(5), WRONG)["f1"] == 0


def test_what_cannot_be_measured_is_none() -> None:
    score = np.array([0.9, 0.2])
    assert set(audit.measure(score, [False, False]).values()) == {None}
    all_wrong = audit.measure(score, [True, True])
    assert all_wrong["auroc"] is None and all_wrong["average_precision"] == 1
    assert all_wrong["f1"] == pytest.approx(2 / 3)
    assert set(audit.measure([], np.zeros(0, bool)).values()) == {None}
    many = np.repeat([0.8, 0.1], 60)
    assert audit.measure(many, many > 0.5)["precision_at_100"] == 0.6


def test_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match=r"got shapes \(5,\) and \(1,\)"):
        audit.measure(SCORES, [True])
