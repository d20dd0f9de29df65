"""Label channel between true and given classes, and the temperature of logits read through it.

T[k, j] = P(given label j | true class k). For logits z of the true class and a given label g,

    P(g | x) = Σ_k softmax_k(z / τ) T[k, g]        P(true = k | x, g) ∝ softmax_k(z / τ) T[k, g]

T is estimated by expectation maximization under a Dirichlet prior that pulls it to a symmetric
channel, and τ is the temperature under which the given labels are most likely (Bootkrajang and
Kabán, "Label-Noise Robust Logistic Regression and Its Applications", ECML PKDD 2012).

Arrays [n, K] are kept in column-major order: NumPy then sums their short rows as fast as BLAS does,
whose threads would wait for each other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: The prior weighs as much as this many examples of each true class: nothing among hundreds of
#: examples a class, and enough among fifty that two classes do not trade places.
PRIOR_EXAMPLES = 20.0
#: 1/τ is sought between these multiples of 1 / (standard deviation of the logits).
_SHARPNESS = 2 * np.exp(np.arange(-1.5, 2.01, 0.25))
#: And beside the last one when there is one: the rounds of `gaussian` change it slowly.
_NEARBY = np.exp([-0.5, -0.25, 0.0, 0.25, 0.5])
_FITTED_ON = 2_000  # examples are enough for one number
_LEAST_NOISE = 1e-3
_BALANCING = 8  # steps; every round goes on from a prior that the last one nearly met


class GivenLabels(NamedTuple):
    """Given labels, some of which are known to be right.

    Attributes:
      labels: [n] int in [0, K).
      clean: [n] bool, true for examples whose label did not go through the channel.
    """

    labels: IntArray
    clean: NDArray[np.bool_]

    def likelihoods(self, channel: FloatArray) -> FloatArray:
        """[n, K] probability of each label if the true class were k: T[k, g], or k = g."""
        through = np.take(channel, self.labels, axis=1).T
        through[self.clean] = np.eye(len(channel))[self.labels[self.clean]]
        return through

    def take(self, rows: IntArray | NDArray[np.bool_]) -> "GivenLabels":
        """Some of the examples."""
        return GivenLabels(self.labels[rows], self.clean[rows])


class Reading(NamedTuple):
    """Logits read through the channel.

    Attributes:
      channel: [K, K] T; rows sum to 1.
      sharpness: 1/τ, above 0.
      offset: [K] what the logits have beside the part that the temperature divides.
      posterior: [n, K] P(true = k | x, g); rows sum to 1.
    """

    channel: FloatArray
    sharpness: float
    offset: FloatArray
    posterior: FloatArray


def symmetric(noise: float, num_classes: int) -> FloatArray:
    """[K, K] channel with 1 - noise on the diagonal and the rest spread evenly.

    Args:
      noise: share of wrong labels in [0, 1].
      num_classes: K ≥ 2.

    >>> symmetric(0.3, 3)
    array([[0.7 , 0.15, 0.15],
           [0.15, 0.7 , 0.15],
           [0.15, 0.15, 0.7 ]])
    """
    channel = np.full([num_classes, num_classes], noise / (num_classes - 1))
    np.fill_diagonal(channel, 1 - noise)
    return channel


def expectation_maximization(
    probabilities: FloatArray, given: GivenLabels, channel: FloatArray, rounds: int
) -> FloatArray:
    """The channel after rounds of expectation and maximization.

        R_ik ∝ p_ik T[k, g_i]      N[k, j] = Σ_{g_i = j} R_ik      T[k, j] ∝ N[k, j] + a S[k, j]

    S is the symmetric channel with the same share of wrong labels as N, and a is `PRIOR_EXAMPLES`.

    Args:
      probabilities: [n, K] p, probability of each true class from features alone.
      given: the n given labels. Clean ones say nothing about the channel.
      channel: [K, K] above 0 to start from.
      rounds: how many, at least 1.
    """
    num_classes = len(channel)
    noisy = np.flatnonzero(~given.clean)
    order = noisy[np.argsort(given.labels[noisy], kind="stable")]
    # Examples with the same given label side by side: T[k, g_i] is one number for all of them.
    p = np.ascontiguousarray(probabilities[order].T)  # [K, n]
    seen, starts, sizes = np.unique(given.labels[order], return_index=True, return_counts=True)
    counts = np.zeros([num_classes, num_classes])
    most = 1 - 1.2 / num_classes  # above 1 - 1/K labels are worse than chance; classes trade names
    for _ in range(rounds):
        through = channel[:, seen]
        likelihoods = (p * np.repeat(through, sizes, axis=1)).sum(axis=0)
        counts[:, seen] = through * np.add.reduceat(p / likelihoods, starts, axis=1)
        noise = float(1 - np.trace(counts) / max(len(order), 1))
        prior = symmetric(min(max(noise, _LEAST_NOISE), most), num_classes)
        channel = counts + PRIOR_EXAMPLES * prior
        channel /= channel.sum(axis=1, keepdims=True)
    return channel


def read(
    scaled: FloatArray,
    prior: FloatArray,
    given: GivenLabels,
    channel: FloatArray,
    *,
    balanced: bool,
    near: float | None,
) -> Reading:
    """Fit temperature, channel and perhaps the offset of logits to given labels.

    Args:
      scaled: [n, K] the part of the logits that the temperature divides.
      prior: [K] probabilities of the classes; rows sum to 1, none is 0.
      given: the n labels.
      channel: [K, K] above 0 to start from.
      balanced: the offset is such that mean probabilities are `prior`; otherwise it is log prior.
      near: 1/τ of an earlier reading to search beside; None to search everywhere.
    """
    spread = float(scaled.std())
    candidates = _SHARPNESS / (spread or 1.0) if near is None else near * _NEARBY
    some = np.linspace(0, len(scaled) - 1, min(len(scaled), _FITTED_ON)).astype(np.int64)
    scaled = np.asfortranarray(scaled)
    part, labels = np.asfortranarray(scaled[some]), given.take(some)
    best = (-np.inf, 1.0, np.log(prior), channel)
    for sharpness in candidates:
        offset = np.log(prior)
        if balanced:
            offset = balance(sharpness * part, offset, prior)
        p = softmax(sharpness * part + offset)
        fitted = expectation_maximization(p, labels, channel, 5)
        likelihood = float(log_likelihoods(p, labels.likelihoods(fitted)).sum())
        if likelihood > best[0]:
            best = (likelihood, float(sharpness), offset, fitted)
    _, sharpness, offset, channel = best
    if balanced:
        offset = balance(sharpness * scaled, offset, prior)
    p = softmax(sharpness * scaled + offset)
    channel = expectation_maximization(p, given, channel, 20)
    return Reading(channel, sharpness, offset, posterior(p, given.likelihoods(channel))[0])


def balance(logits: FloatArray, offset: FloatArray, prior: FloatArray) -> FloatArray:
    """[K] offset under which the mean of softmax(logits + offset) is the prior, nearly.

    Args:
      logits: [n, K].
      offset: [K] to start from.
      prior: [K] above 0, sum 1.
    """
    powers, factors = _powers(logits), np.exp(offset)
    for _ in range(_BALANCING):
        totals = (powers * factors).sum(axis=1)
        means = factors * (powers / totals[:, np.newaxis]).mean(axis=0)
        factors *= prior / np.maximum(means, 1e-9)
    return np.log(factors)


def posterior(probabilities: FloatArray, likelihoods: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bayes' rule.

    Args:
      probabilities: [n, K] of each class before its label is seen.
      likelihoods: [n, K] of the label in each class.
    Returns:
      [n, K] probabilities afterwards, and [n] probabilities of the labels.
    """
    joint = np.asfortranarray(probabilities * likelihoods)
    total = joint.sum(axis=1)
    impossible = total == 0  # as rounded; what the features say is kept
    if impossible.any():
        joint[impossible] = probabilities[impossible]
    return joint / np.where(impossible, 1, total)[:, np.newaxis], total


def log_likelihoods(probabilities: FloatArray, likelihoods: FloatArray) -> FloatArray:
    """[n] log Σ_k p_ik L_ik, at least that of the smallest normal number."""
    return np.log(np.maximum((probabilities * likelihoods).sum(axis=1), np.finfo(float).tiny))


def softmax(logits: FloatArray) -> FloatArray:
    """[n, K] probabilities of logits [n, K]."""
    powers = _powers(logits)
    return powers / powers.sum(axis=1)[:, np.newaxis]


def _powers(logits: FloatArray) -> FloatArray:
    """[n, K] e^z, 1 for the highest logit of each row."""
    columns = np.asfortranarray(logits)
    return np.exp(columns - columns.max(axis=1)[:, np.newaxis])
