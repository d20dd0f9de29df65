"""Logistic regression on probabilities."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from ieg import mapped
from ieg.features import gaussian, logistic

COUNT, DIM, CLASSES = 60, 4, 3


@pytest.fixture(name="features")
def _features() -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.normal(size=[COUNT, DIM]) * [1, 2, 3, 10]).astype(np.float32)


def test_on_labels_it_is_that_of_scikit_learn(features: np.ndarray) -> None:
    labels = np.random.default_rng(2).integers(0, CLASSES, COUNT)
    start = np.zeros([DIM, CLASSES]), np.zeros(CLASSES)
    weights, bias = logistic.fit(features, np.eye(CLASSES)[labels], start)
    total = (features**2).sum(axis=1).mean()
    other = LogisticRegression(C=2 / total, tol=1e-8, max_iter=1000).fit(features, labels)
    np.testing.assert_allclose(weights, other.coef_.T, atol=1e-4)
    np.testing.assert_allclose(bias - bias.mean(), other.intercept_, atol=1e-4)


def test_the_gradient_is_that_of_the_loss_in_blocks_too(
    features: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    targets = rng.dirichlet(np.ones(CLASSES), COUNT)
    scale, values = rng.uniform(0.5, 2, [DIM, 1]), rng.normal(size=DIM * CLASSES + CLASSES)
    arguments = scale, 0.3, features, targets
    loss, gradient = logistic._loss_and_gradient(values, *arguments)
    monkeypatch.setattr(mapped, "BLOCK_CELLS", 7 * DIM)
    in_blocks, _ = logistic._loss_and_gradient(values, *arguments)
    assert in_blocks == pytest.approx(loss)
    expected = approx_fprime(values, lambda v: logistic._loss_and_gradient(v, *arguments)[0], 1e-3)
    np.testing.assert_allclose(gradient, expected, rtol=0.02, atol=1e-2)


@pytest.mark.parametrize(("count", "discriminative"), [(19, False), (20, True)])
def test_five_examples_for_each_feature_make_the_head_discriminative(
    features: np.ndarray, count: int, discriminative: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(logistic, "fit", lambda _, targets, start: calls.append(targets) or start)
    head = gaussian.fit(features[:count], np.arange(count) % CLASSES, CLASSES)
    assert len(calls) == discriminative
    if calls:  # it learns what is returned of the examples
        np.testing.assert_array_equal(calls[0], head.posterior)
