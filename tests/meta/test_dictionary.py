"""FSR's dictionary where examples and reference files say nothing."""

import numpy as np

from ieg.meta.dictionary import lowest_scores


def test_lowest_scores_of_equals_of_candidates_and_of_a_small_class():
    scores = np.array([5.0, 1.0, 2.0, 3.0, 1.0, 0.0, 9.0])
    labels = np.array([0, 1, 0, 1, 1, 0, 0])
    chosen = lowest_scores(scores, labels, np.arange(6), capacity=5, num_classes=2)
    np.testing.assert_array_equal(chosen, [[5, 2], [1, 4]])
    some = lowest_scores(scores, labels, np.array([0, 3, 6]), capacity=6, num_classes=2)
    np.testing.assert_array_equal(some, [[0, 6, 0], [3, 3, 3]])
