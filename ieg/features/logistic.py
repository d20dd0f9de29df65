"""Logistic regression on probabilities of classes, with many features read in blocks."""

import numpy as np
from numpy.typing import NDArray

from ieg import mapped
from ieg.audit.scores import FloatArray, log_softmax

_ITERATIONS = 100
_TOLERANCE = 1e-9


def fit(
    features: NDArray[np.float32], targets: FloatArray, start: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Minimize cross entropy to the targets, with a penalty that fits the features.

    L(W, b) = -1/n Σ_ik R_ik log softmax_k(x_i W + b) + v/(4n) ‖W‖²      v = 1/n Σ_i ‖x_i‖²

    The penalty is a normal prior with variance 2/v of each weight, and so with variance 2 of each
    logit of an average example. L-BFGS finds the minimum, which is unique but for a constant in b.

    Args:
      features: [n, D], of which one is not 0.
      targets: [n, K] R ≥ 0; rows sum to 1.
      start: weights [D, K] and bias [K] to begin with.
    Returns:
      weights [D, K] and bias [K].

    >>> x = np.array([[-1.0], [1.0]], np.float32)
    >>> weights, bias = fit(x, np.eye(2), (np.zeros([1, 2]), np.zeros(2)))
    >>> weights.round(2), bias.round(2)
    (array([[-0.74,  0.74]]), array([0., 0.]))
    """
    from scipy.optimize import minimize

    (count, dim), classes = features.shape, targets.shape[1]
    blocks = list(mapped.blocks(count, dim))
    variances = sum((features[some] ** 2).sum(axis=0, dtype=np.float64) for some in blocks) / count
    penalty = variances.sum() / count
    # Curvature of L by a weight, nearly, where the columns are uncorrelated: steps of like size.
    scale = 1 / np.sqrt(variances / classes + penalty / 2)[:, np.newaxis]
    found = minimize(
        _loss_and_gradient,
        np.concatenate([(start[0] / scale).ravel(), start[1]]),
        args=(scale, float(penalty), features, targets),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "ftol": _TOLERANCE, "gtol": _TOLERANCE},
    )
    weights, bias = np.split(found.x, [-classes])
    return scale * weights.reshape(dim, classes), bias


def _loss_and_gradient(
    values: FloatArray,
    scale: FloatArray,
    penalty: float,
    features: NDArray[np.float32],
    targets: FloatArray,
) -> tuple[float, FloatArray]:
    """L and its derivatives by W / scale and b, in one row like the values."""
    (count, dim), classes = features.shape, targets.shape[1]
    weights, bias = scale * values[:-classes].reshape(dim, classes), values[-classes:]
    loss = count * penalty / 4 * float((weights**2).sum())
    by_weights, by_bias = count * penalty / 2 * weights, np.zeros(classes)
    for some in mapped.blocks(count, dim):
        rows, wanted = features[some], targets[some]
        log_p = log_softmax((rows @ weights.astype(np.float32)).astype(np.float64) + bias)
        errors = np.exp(log_p) - wanted
        loss -= float((wanted * log_p).sum())
        by_weights += rows.T @ errors.astype(np.float32)
        by_bias += errors.sum(axis=0)
    return loss / count, np.concatenate([(scale * by_weights).ravel(), by_bias]) / count
