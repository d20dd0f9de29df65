"""Regression scores beside ordinary linear algebra that leaves examples out one by one."""

import numpy as np
import pytest

from ieg.features.scores import ScoreRegression

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count, dim", [(30, 6), (8, 20)])
def test_scores_without_each_example_are_those_of_regressions_without_it(
    count: int, dim: int
) -> None:
    features = RNG.normal(size=[count, dim]).astype(np.float32)
    targets = RNG.dirichlet([1, 1, 1], size=count)
    regression = ScoreRegression(features)
    penalty = 0.4 / 0.6 * features.var(axis=0).mean()
    coefficients = regression.coefficients(targets, 0.4)
    scores = regression.left_out(targets, coefficients, regression.leverages(0.4))
    centered = features - features.mean(axis=0)
    for i in range(count):
        others = np.arange(count) != i
        # Constant and coefficients, the penalty on the latter alone and that of all n examples.
        x = np.hstack([np.ones([count - 1, 1]), centered[others]])
        ridge = np.diag([0.0] + [count * penalty] * dim)
        fitted = np.linalg.solve(x.T @ x + ridge, x.T @ targets[others])
        expected = np.hstack([1, centered[i]]) @ fitted - targets.mean(axis=0)
        assert scores[i] == pytest.approx(expected, abs=1e-4)


def test_coefficients_by_hand() -> None:
    # Variance 1, so λ = s/(1-s) = 1; covariance of x and the first class (1 - 0)/4 · 2 = 1/2.
    regression = ScoreRegression(np.array([[-1], [1]], np.float32))
    on_feature = regression.directions @ regression.coefficients(np.array([[0.0, 1], [1, 0]]), 0.5)
    assert on_feature == pytest.approx(np.array([[0.25, -0.25]]))
    assert regression.leverages(0.5) == pytest.approx([0.75, 0.75])  # 1/2 + 1/(1 + 1)/2


def test_features_without_variance_have_scores_of_zero() -> None:
    regression = ScoreRegression(np.ones([4, 3], np.float32))
    targets = np.eye(2)[[0, 1, 0, 1]]
    coefficients = regression.coefficients(targets, 0.5)
    assert coefficients.shape == (0, 2)
    assert regression.leverages(0.5) == pytest.approx([0.25] * 4)
