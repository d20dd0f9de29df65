"""Ridge regression of class probabilities on features, with leave-one-out scores in closed form."""

import numpy as np
from numpy.typing import NDArray

from ieg import blas, mapped

#: Features in memory, or many in a file.
Rows = NDArray[np.float32] | NDArray[np.float16]
FloatArray = NDArray[np.float64]

#: Directions with less than this share of the largest variance are rounding of 32-bit numbers.
_LEAST_VARIANCE = 1e-6


class ScoreRegression:
    """Ridge regressions that share their features: one eigendecomposition serves every shrinkage.

    For targets R [n, K], centered features X [n, D] and their covariance C = XᵀX / n,

        B = (C + λ I)⁻¹ Xᵀ(R - π) / n        π = mean of R,  λ = s/(1 - s) tr(C)/D
        F = X B + π

    so that s is the share of the identity in the shrunk covariance (1 - s) C + s tr(C)/D I. A row
    of F that was regressed without its own example is (Hastie, Tibshirani and Friedman, "The
    Elements of Statistical Learning", 2nd edition 2009, eq. 7.64)

        (F_i - h_i R_i) / (1 - h_i)          h_i = 1/n + x_iᵀ (C + λ I)⁻¹ x_i / n

    with the center of all examples.

    Args:
      features: [n, D] float, n ≥ 2. Many of them are read in blocks.
    """

    def __init__(self, features: Rows) -> None:
        count, dim = features.shape
        self.center = features.mean(axis=0, dtype=np.float64).astype(np.float32)  # [D]
        if features.size > mapped.CELLS and count >= dim:
            self._fit_in_blocks(features)
            return
        with blas.threads_for(features.size * min(count, dim)):
            self._fit_in_memory(features)

    def _fit_in_memory(self, features: Rows) -> None:
        count, dim = features.shape
        centered = features - self.center
        if count < dim:  # the smaller of the two Gram matrices has the same eigenvalues
            values, left = np.linalg.eigh((centered @ centered.T).astype(np.float64) / count)
        else:
            values, right = np.linalg.eigh((centered.T @ centered).astype(np.float64) / count)
        kept = self._keep(values, dim)
        if count < dim:
            scale = np.sqrt(self.variances * count)
            directions = (centered.T @ left[:, kept].astype(np.float32)) / scale
        else:
            directions = right[:, kept]
        self.directions = directions.astype(np.float32)  # [D, r]
        self.projected = centered @ self.directions  # [n, r]

    def _fit_in_blocks(self, features: Rows) -> None:
        """The same with `projected` mapped from a file."""
        count, dim = features.shape
        square = np.zeros([dim, dim])
        for some in mapped.blocks(count, dim):
            centered = features[some] - self.center
            square += centered.T @ centered
        values, right = np.linalg.eigh(square / count)
        self.directions = right[:, self._keep(values, dim)].astype(np.float32)
        self.projected = mapped.zeros([count, self.directions.shape[1]], np.float32)
        for some in mapped.blocks(count, dim):
            self.projected[some] = (features[some] - self.center) @ self.directions

    def _keep(self, values: FloatArray, dim: int) -> NDArray[np.bool_]:
        """Which of ascending eigenvalues count; sets `variances` [r]."""
        kept: NDArray[np.bool_] = values > _LEAST_VARIANCE * values[-1]
        self.variances = values[kept]
        self._mean_variance = float(values.clip(0).sum()) / dim
        return kept

    def shrunk(self, shrinkage: float) -> FloatArray:
        """[r] eigenvalues of C + λ I.

        Args:
          shrinkage: s in (0, 1).
        """
        return self.variances + shrinkage / (1 - shrinkage) * self._mean_variance

    def coefficients(self, targets: FloatArray, shrinkage: float) -> FloatArray:
        """[r, K] B in the coordinates of `projected`.

        Args:
          targets: [n, K] R.
          shrinkage: s in (0, 1).
        """
        deviations = (targets - targets.mean(axis=0)).astype(np.float32)
        products = (self.projected.T @ deviations).astype(np.float64) / len(targets)
        return products / self.shrunk(shrinkage)[:, np.newaxis]

    def leverages(self, shrinkage: float) -> FloatArray:
        """[n] h in (0, 1), the weight of each example's own target in its score.

        Args:
          shrinkage: s in (0, 1).
        """
        inverse = (1 / self.shrunk(shrinkage)).astype(np.float32)
        own = np.einsum("nr,r,nr->n", self.projected, inverse, self.projected, optimize=False)
        return (own.astype(np.float64) + 1) / len(own)

    def left_out(
        self, targets: FloatArray, coefficients: FloatArray, leverages: FloatArray
    ) -> FloatArray:
        """[n, K] scores less π, each regressed without its own example.

        Args:
          targets: [n, K] R.
          coefficients: [r, K] of `coefficients`.
          leverages: [n] of `leverages`.
        """
        deviations = targets - targets.mean(axis=0)
        fitted = (self.projected @ coefficients.astype(np.float32)).astype(np.float64)
        own = leverages[:, np.newaxis]
        return (fitted - own * deviations) / (1 - own)
