"""The Gaussian head on blobs with wrong labels, and its discriminants beside a direct solution."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ieg.errors import InputError
from ieg.features import gaussian
from ieg.features.gaussian import GaussianHead, fit
from ieg.features.scores import ScoreRegression

DIM = 12


def blobs(
    count: int, num_classes: int, distance: float = 2.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, 12] of unit normals around one axis for each class, and their classes [n]."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % num_classes
    return rng.normal(size=[count, DIM]) + distance * np.eye(DIM)[classes], classes


def flipped(classes: np.ndarray, num_classes: int, rate: float, to_next: bool) -> np.ndarray:
    """Labels of which a share is another class: the next one, or any with equal probability."""
    rng = np.random.default_rng(7)
    by = 1 if to_next else rng.integers(1, num_classes, len(classes))
    return np.where(rng.random(len(classes)) < rate, (classes + by) % num_classes, classes)


def accuracy(head: GaussianHead, features: np.ndarray, classes: np.ndarray) -> float:
    return float(((features @ head.weights + head.bias).argmax(axis=1) == classes).mean())


def test_discriminants_are_those_of_gaussians_with_the_within_class_covariance() -> None:
    features, classes = blobs(60, 3)
    targets = 0.8 * np.eye(3)[classes] + 0.2 * np.random.default_rng(1).dirichlet([1] * 3, 60)
    regression = ScoreRegression(features.astype(np.float32))
    coefficients = regression.coefficients(targets, 0.5)
    centered = features - features.mean(axis=0)
    mixing, constant, prior = gaussian.discriminants(
        regression.projected @ coefficients, targets
    )  # scores of the examples themselves, for which the identity is exact
    share = targets.mean(axis=0)
    means = targets.T @ centered / (60 * share)[:, np.newaxis]
    within = centered.T @ centered / 60 - means.T @ np.diag(share) @ means
    within += features.var(axis=0).mean() * np.eye(DIM)
    directions = np.linalg.solve(within, means.T)
    expected = centered @ directions - np.diag(means @ directions) / 2
    found = regression.projected @ coefficients @ mixing + constant
    # A term that all classes share is nothing to a discriminant.
    assert found - found[:, :1] == pytest.approx(expected - expected[:, :1], abs=1e-3)
    assert prior == pytest.approx(share)


@pytest.mark.parametrize("rate, to_next", [(0.0, False), (0.5, False), (0.4, True)])
def test_wrong_labels_are_found_and_cost_little(rate: float, to_next: bool) -> None:
    features, classes = blobs(800, 4)
    given = flipped(classes, 4, rate, to_next)
    head = fit(features, given, 4)
    right = fit(features, classes, 4)
    unseen, truth = blobs(2_000, 4, seed=1)
    assert accuracy(head, unseen, truth) > accuracy(right, unseen, truth) - 0.02
    expected = np.eye(4) * (1 - rate)
    expected += rate * (np.roll(np.eye(4), 1, axis=1) if to_next else (1 - np.eye(4)) / 3)
    assert head.channel == pytest.approx(expected, abs=0.08)
    if rate:
        assert roc_auc_score(given != classes, head.score) > 0.96


def test_what_is_returned_of_the_examples_fits_together() -> None:
    features, classes = blobs(300, 3)
    given = flipped(classes, 3, 0.3, False)
    head = fit(features, given, 3)
    assert head.posterior.sum(axis=1) == pytest.approx(np.ones(300))
    assert head.channel.sum(axis=1) == pytest.approx(np.ones(3))
    assert head.score == pytest.approx(1 - head.posterior[np.arange(300), given])
    # One more or less of 300 examples moves logits a little.
    seen = features @ head.weights + head.bias
    assert (seen.argmax(axis=1) == head.logits.argmax(axis=1)).mean() > 0.95


def test_order_scale_rotation_and_names_of_classes_change_nothing() -> None:
    features, classes = blobs(300, 3)
    given = flipped(classes, 3, 0.3, False)
    head = fit(features, given, 3)
    again = fit(features, given, 3)
    np.testing.assert_array_equal(again.weights, head.weights)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=[DIM, DIM]))[0]
    turned = fit(10 * features @ rotation + 5, given, 3)
    assert turned.score == pytest.approx(head.score, abs=1e-3)
    assert turned.weights == pytest.approx(rotation.T @ head.weights / 10, abs=1e-3)
    renamed = np.array([2, 0, 1])
    # Parts are drawn class by class, so the held-out likelihoods differ a little.
    other = fit(features, renamed[given], 3)
    assert np.corrcoef(other.score, head.score)[0, 1] > 0.99


def test_few_images_of_two_classes() -> None:
    """Forty examples, a fifth mislabeled: nearly as accurate as with the right labels."""
    found, best = [], []
    for seed in range(3):
        features, classes = blobs(40, 2, seed=seed)
        unseen, truth = blobs(1_000, 2, seed=100 + seed)
        found.append(accuracy(fit(features, flipped(classes, 2, 0.2, False), 2), unseen, truth))
        best.append(accuracy(fit(features, classes, 2), unseen, truth))
    assert np.mean(found) > np.mean(best) - 0.06
    assert min(found) > 0.8


def test_unequal_classes_and_one_of_a_single_example() -> None:
    features, classes = blobs(900, 3, distance=4)
    kept = (classes == 0) | ((classes == 1) & (np.arange(900) < 150)) | (np.arange(900) == 2)
    head = fit(features[kept], classes[kept], 3)
    unseen, truth = blobs(900, 3, distance=4, seed=1)
    frequent = truth < 2
    assert accuracy(head, unseen[frequent], truth[frequent]) > 0.95
    assert np.isfinite(head.weights).all() and np.isfinite(head.score).all()


def test_class_without_labels_is_never_predicted() -> None:
    features, classes = blobs(200, 2)
    head = fit(features, classes, 3)
    assert 2 not in (features @ head.weights + head.bias).argmax(axis=1)
    assert np.isfinite(head.weights).all() and np.isfinite(head.bias).all()


def test_constant_features_leave_the_shares_of_the_classes() -> None:
    given = np.array([0] * 30 + [1] * 10)
    head = fit(np.ones([40, 5]), given, 2)
    assert not head.weights.any()
    assert head.bias[0] > head.bias[1]
    assert np.isfinite(head.score).all()


def test_two_examples_are_enough() -> None:
    head = fit(np.array([[0.0], [1.0]]), np.array([0, 1]), 2)
    assert np.isfinite(head.weights).all() and head.score.shape == (2,)


def test_right_labels_of_a_few_tell_which_class_is_which() -> None:
    """Twenty labels of which most are wrong name the classes the wrong way round; a probe helps."""
    features, classes = blobs(20, 2, distance=4)
    given = np.where(np.arange(20) < 15, 1 - classes, classes)
    unseen, truth = blobs(600, 2, distance=4, seed=1)
    assert accuracy(fit(features, given, 2), unseen, truth) < 0.5
    known, right = blobs(20, 2, distance=4, seed=2)
    head = fit(features, given, 2, probe=(known, right))
    assert accuracy(head, unseen, truth) > 0.95
    assert head.score.shape == (20,)


@pytest.mark.parametrize(
    "features, labels, problem",
    [
        (np.zeros(4), [0, 1, 0, 1], r"features \[n, D\].*got \(4,\) and \(4,\)"),
        (np.zeros([4, 2]), [0, 1], r"got \(4, 2\) and \(2,\)"),
        (np.zeros([4, 2]), [0, 1, 2, 0], "labels that are integers from 0 to 1"),
        (np.zeros([4, 2]), [0.0, 1, 0, 1], "labels that are integers"),
        (np.array([[0.0], [np.nan]]), [0, 1], "nan or infinity in row 1"),
        (np.zeros([1, 2]), [0], "at least 2 examples, got 1"),
    ],
)
def test_bad_input(features: np.ndarray, labels: list[int], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        fit(features, np.array(labels), 2)


def test_bad_probe() -> None:
    with pytest.raises(InputError, match="probe features with 2 columns, got 3"):
        fit(np.zeros([4, 2]), np.array([0, 1, 0, 1]), 2, probe=(np.zeros([2, 3]), np.array([0, 1])))
