"""Groups of classes by their number of training images."""

import math

import numpy as np
import pytest

from ieg.evaluation.shots import shot_accuracy


def test_limits_are_medium():
    counts = [101, 100, 20, 19]
    measured = shot_accuracy([0.9, 0.5, 0.25, 0.125], counts)
    assert measured == {"many": 0.9, "medium": 0.375, "few": 0.125}


def test_an_empty_group_has_no_accuracy():
    assert shot_accuracy([0.5, 1.0], [500, 200]) == {"many": 0.75, "medium": None, "few": None}


def test_other_limits():
    assert shot_accuracy([0.1, 0.3, 0.7], [9, 6, 3], many=8, few=4) == {
        "many": 0.1,
        "medium": 0.3,
        "few": 0.7,
    }


def test_a_class_without_test_images_counts_nowhere():
    measured = shot_accuracy([math.nan, 0.5, math.nan], [300, 200, 5])
    assert measured == {"many": 0.5, "medium": None, "few": None}


@pytest.mark.parametrize(
    ("per_class", "counts", "limits"),
    [
        ([0.5, 0.5], [10], {}),
        (np.zeros([2, 2]), np.zeros([2, 2]), {}),
        ([0.5], [10], {"many": 5, "few": 6}),
    ],
)
def test_what_does_not_fit_together_is_refused(per_class, counts, limits):
    with pytest.raises(ValueError, match="got"):
        shot_accuracy(per_class, counts, **limits)
