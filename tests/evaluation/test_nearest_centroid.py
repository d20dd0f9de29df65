"""Prediction by the direction of class means."""

import numpy as np

from ieg.evaluation import nearest_centroid as ncm


def test_means_of_each_class():
    means = ncm.class_means([[1.0, 0], [3, 2], [5, 5]], [2, 2, 0], 4)
    np.testing.assert_array_equal(means, [[5, 5], [0, 0], [2, 1], [0, 0]])


def test_direction_counts_and_not_distance():
    centroids = [[10.0, 0], [0, 0.1]]
    # Near the second centroid, but in the direction of the first one.
    assert ncm.predict([[0.3, 0.1], [0.1, 0.3]], centroids).tolist() == [0, 1]


def test_cosines_by_hand():
    cosines = ncm.cosines([[3.0, 4.0], [0.0, 0.0]], [[2.0, 0.0], [0.0, -5.0]])
    np.testing.assert_allclose(cosines, [[0.6, -0.8], [0, 0]], atol=1e-12)


def test_accuracies_by_shot():
    measured = ncm.on_split([0, 0, 1, 2], [0, 1, 1, 2], [30, 10, 5], many_above=20, few_below=10)
    assert measured == {
        "top1": 0.75,
        "balanced_accuracy": (1 + 0.5 + 1) / 3,
        "per_class": [1, 0.5, 1],
        "many_shot": 1,
        "medium_shot": 0.5,
        "few_shot": 1,
    }
    alone = ncm.on_split([0], [0], [30, 40])
    assert alone["per_class"] == [1, None] and alone["few_shot"] is None


def test_a_class_without_training_images_is_not_predicted():
    centroids = [[0.0, 0.0], [-1.0, 0.0], [-1.0, 0.1]]
    assert ncm.predict([[1.0, 0.0]], centroids).tolist() == [2]
