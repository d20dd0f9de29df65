"""Scores of given labels from several classifiers together, weighed without a clean label.

Every part j gives logits z_j of the true class that have not seen the example's own label. Their
product of experts goes through a channel T[k, g] = P(given g | true k), and Bayes' rule gives the
score:

    p_i = softmax(Σ_j a_j z_ij)   P(true = k | i) ∝ p_ik T[k, g_i]^(1-d)   score = 1 - P(true = g_i)

a ≥ 0 and T maximize the likelihood L = Σ_i log Σ_k p_ik T[k, g_i] of the given labels (products of
experts: Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", Neural
Computation 14, 2002). d is the share of labels that are not the likeliest class of p. A channel
knows classes and not images: it takes errors that look like the given class for right labels, so
it counts the less the more labels disagree (likelihoods of wrong models to a power below 1:
Grünwald and van Ommen, "Inconsistency of Bayesian Inference for Misspecified Linear Models",
Bayesian Analysis 12, 2017).

Among a few hundred examples the likelihood would fit chance: the first part stays as it is
unless the product of m parts gains more than m/2 log n in L (Schwarz, "Estimating the Dimension of
a Model", Annals of Statistics 6, 1978).

On features three parts are taken: a linear head, a regression on a Gaussian kernel, and a vote of
the nearest neighbors. The last two learn the head's probabilities of the true classes in the place
of the given labels: a vote by labels as they are repeats the errors that annotators share.

A network has seen the labels that it is asked about, and likelihood would prefer the parts that
memorized most. `of_training` takes a head on the network's features, which leaves each example out,
learns its temperature from examples that nothing has trained on, and pools it with the loss over
training.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ieg import blas
from ieg.audit import channel as channels
from ieg.audit.channel import GivenLabels, softmax
from ieg.audit.neighbors import nearest
from ieg.audit.scores import (
    FloatArray,
    IntArray,
    counted_channel,
    likeliest_temperature,
    log_softmax,
)

_NEIGHBORS = 30
_DISTANCE = 0.1  # of cosines, over which the vote of a neighbor falls by e
_LANDMARKS = 2_000
_CELLS = 1 << 26  # of the kernel's matrix, 256 MB: fewer landmarks for very many images
_ROWS_CELLS = 1 << 26  # of the features that are read at once
_RIDGE = 1e-4  # of the total variance
_LEAST_RIDGE = 1e-12  # where all images are the same
_LEAST_VARIANCE = 1e-4  # of the largest; less is rounding of 32-bit numbers
_FITTED_ON = 20_000  # examples are enough for a few weights
_TURNS = 10  # of weights and channel, at most
_ROUNDS = 5  # of the channel in each
_ROUNDS_ALONE = 50  # of the channel of a head whose temperature is known
_FIRST_NOISE = 0.3  # of the channel that these begin with; they forget it
_LEAST_SCORE = 1e-6  # no score is taken to be nearer to 0 or 1
_GAIN = 1e-5  # per example, in likelihood; less ends the turns


class Combination(NamedTuple):
    """Several classifiers as one, and what the given labels say on top.

    Attributes:
      posterior: [n, K] P(true = k | example, given label); rows sum to 1.
      prior: [n, K] P(true = k | example), which does not know the given label; rows sum to 1.
      channel: [K, K] T; rows sum to 1.
      weights: part → a ≥ 0; 0 for a part that adds nothing.
      probability: part → [n] of the given label by that part alone, at its own temperature.
      disagreement: share of labels that are not the class which the parts prefer without them. An
        upper bound of the noise rate, since it counts the classifiers' own errors too, where the
        mean of the scores misses errors that look like the given class.
      likelihood: mean log-likelihood of the given labels.
    """

    posterior: FloatArray
    prior: FloatArray
    channel: FloatArray
    weights: Mapping[str, float]
    probability: Mapping[str, FloatArray]
    disagreement: float
    likelihood: float


class _Fitted(NamedTuple):
    weights: FloatArray  # [J]
    channel: FloatArray  # [K, K]
    likelihood: float


def on_features(
    features: ArrayLike,
    labels: ArrayLike,
    logits: ArrayLike,
    posterior: ArrayLike,
    channel: ArrayLike,
    *,
    seed: int = 0,
) -> Combination:
    """Combine a head on features with a kernel regression and the nearest neighbors.

    Args:
      features: [n, D] float, standardized; perhaps memory-mapped, read in blocks.
      labels: [n] int in [0, K), the given ones.
      logits: [n, K] of the head, each row by a head that has not seen that label.
      posterior: [n, K] the head's P(true = k | example, given label), which the others learn.
      channel: [K, K] the head's T > 0.
      seed: of the kernel's landmarks.
    Returns:
      a `Combination` of the parts "head", "kernel" and "neighbors".
    Raises:
      ValueError: shapes do not fit together, or a value is not finite.

    >>> rng = np.random.default_rng(0)
    >>> true = np.arange(60) % 2
    >>> features = (rng.normal(size=[60, 2]) + 6 * true[:, np.newaxis] - 3).astype(np.float32)
    >>> given = np.where(np.arange(60) < 6, 1 - true, true)
    >>> logits = features @ [[-1.0, 1.0], [-1.0, 1.0]]
    >>> found = on_features(features, given, logits, softmax(logits), [[0.9, 0.1], [0.1, 0.9]])
    >>> np.flatnonzero(found.posterior.argmax(axis=1) != given)
    array([0, 1, 2, 3, 4, 5])
    """
    rows = np.asanyarray(features)
    if rows.dtype not in (np.float16, np.float32):
        rows = rows.astype(np.float32)
    beliefs = np.asarray(posterior, np.float64)
    if rows.ndim != 2 or beliefs.ndim != 2 or len(rows) != len(beliefs):
        raise ValueError(
            f"expected features [n, D] and posterior [n, K], got {rows.shape} and {beliefs.shape}"
        )
    parts = {
        "head": logits,
        "kernel": kernel_regression(rows, beliefs, seed=seed),
        "neighbors": neighbor_votes(rows, beliefs),
    }
    return combine(parts, labels, channel)


def of_training(
    logits: ArrayLike,
    labels: ArrayLike,
    running_loss: ArrayLike,
    held_out: tuple[ArrayLike, ArrayLike] | None = None,
) -> Combination:
    """Combine a head on the features of a network with the loss of the network over training.

    Features of memorized examples tell the given label, so the likelihood of the labels trained on
    would make the head unsure. Its temperature is the one under which the labels of held-out
    examples are most likely, seen through a channel of their own. The loss is made a score s' by
    the logistic regression of the head's scores s on it, and both are pooled:

        log s''/(1 - s'') = (log s/(1 - s) + log s'/(1 - s')) / 2

    Args:
      logits: [n, K] of the head, each row by a head that has not seen that label.
      labels: [n] int in [0, K), the given ones.
      running_loss: [n] mean cross entropy against the given label over training; nan where unknown.
      held_out: logits [m, K] of the same head, and the given labels [m], right or wrong, of
        examples that neither network nor head has trained on. None: temperature and channel are
        those of `ieg.audit.estimate`.
    Returns:
      a `Combination` of the parts "head" and "loss".
    Raises:
      ValueError: shapes do not fit together, or a logit is not finite.

    References: logarithmic pools of opinions, Genest and Zidek, "Combining Probability
    Distributions", Statistical Science 1, 1986. The loss over training tells wrong labels:
    Arazo et al., "Unsupervised Label Noise Modeling and Loss Correction", ICML 2019.

    >>> right = np.repeat([0, 1], 9)
    >>> logits = np.where(np.eye(2)[right], 3.0, 0.0)
    >>> labels = np.where(np.arange(18) < 2, 1 - right, right)
    >>> found = of_training(logits, labels, np.where(labels == right, 0.1, 2.0))
    >>> np.flatnonzero(found.posterior.argmax(axis=1) != labels)
    array([0, 1])
    """
    z = np.asarray(logits, np.float64)
    num_classes = z.shape[1] if z.ndim == 2 else 0
    stacked, given = _checked({"head": z}, labels, np.eye(num_classes))
    if held_out is None:
        channel = counted_channel(stacked[0].argmax(axis=1), given, num_classes)
        sharpness = 1 / likeliest_temperature(log_softmax(stacked[0]), given, channel)
        p = softmax(sharpness * stacked[0])
    else:
        p = softmax(_sharpness(*held_out, num_classes) * stacked[0])
        start = channels.symmetric(_FIRST_NOISE, num_classes)
        channel = channels.expectation_maximization(p, _all_noisy(given), start, _ROUNDS_ALONE)
    posterior, likelihood = channels.posterior(p, _all_noisy(given).likelihoods(channel))
    rows = np.arange(len(given))
    score = (1 - posterior[rows, given]).clip(_LEAST_SCORE, 1 - _LEAST_SCORE)
    by_loss = _score_by(np.asarray(running_loss, np.float64), score)
    odds = np.sqrt(score / (1 - score) * by_loss / (1 - by_loss))
    others = np.maximum(posterior, np.finfo(float).tiny)  # of equally unlikely ones each alike
    others[rows, given] = 0
    pooled = others / others.sum(axis=1, keepdims=True) * (odds / (1 + odds))[:, np.newaxis]
    pooled[rows, given] = 1 / (1 + odds)
    return Combination(
        posterior=pooled,
        prior=p,
        channel=channel,
        weights={"head": 0.5, "loss": 0.5},
        probability={"head": p[rows, given], "loss": 1 - by_loss},
        disagreement=float((p.argmax(axis=1) != given).mean()),
        likelihood=float(np.log(likelihood).mean()),
    )


def combine(parts: Mapping[str, ArrayLike], labels: ArrayLike, channel: ArrayLike) -> Combination:
    """Combine classifiers by the likelihood of the given labels; see the head of the module.

    Args:
      parts: name → [n, K] logits, each row by a model that has not seen that label. The first are
        calibrated: their softmax estimates the true class.
      labels: [n] int in [0, K).
      channel: [K, K] T > 0 of the first part; rows sum to 1.
    Raises:
      ValueError: there is no part, or shapes or ranges are not as above.

    >>> right = np.array([[4.0, 0.0]] * 9 + [[0.0, 4.0]] * 9)
    >>> labels = np.repeat([0, 1], 9)
    >>> labels[0] = 1
    >>> parts = {"good": right, "useless": np.zeros_like(right)}
    >>> found = combine(parts, labels, [[0.9, 0.1], [0.1, 0.9]])
    >>> np.flatnonzero(found.posterior.argmax(axis=1) != labels)
    array([0])
    """
    names, start = list(parts), np.asarray(channel, np.float64)
    stacked, given = _checked(parts, labels, start)
    if not (start > 0).all():
        raise ValueError(f"expected a channel with entries above 0, got {start.min()}")
    some = np.linspace(0, len(given) - 1, min(len(given), _FITTED_ON)).astype(np.int64)
    part = stacked[:, some]
    with blas.threads_for(part.size):
        chosen, single = _choose(part, _all_noisy(given[some]), start)
    p = softmax(np.tensordot(chosen.weights, stacked, 1))
    through = _all_noisy(given).likelihoods(chosen.channel)
    disagreement = float((p.argmax(axis=1) != given).mean())
    rows = np.arange(len(given))
    return Combination(
        posterior=channels.posterior(p, through ** (1 - disagreement))[0],
        prior=p,
        channel=chosen.channel,
        weights={name: float(w) for name, w in zip(names, chosen.weights, strict=True)},
        probability={
            name: np.exp(log_softmax(a * z)[rows, given])
            for name, a, z in zip(names, single, stacked, strict=True)
        },
        disagreement=disagreement,
        likelihood=float(channels.log_likelihoods(p, through).mean()),
    )


def neighbor_votes(features: NDArray[np.floating], beliefs: FloatArray) -> FloatArray:
    """Log of the neighbors' mean belief, and the mean of all with the weight of one neighbor.

    v_ik = (m Σ_j w_ij R_jk / Σ_j w_ij + mean R_k) / (m + 1)
    w_ij = exp(cos_ij / 0.1)      m = (Σ_j w_ij)² / Σ_j w_ij²

    Args:
      features: [n, D], n ≥ 2.
      beliefs: [n, K] R; rows sum to 1. An example's own is not used.
    Returns:
      [n, K] log v.
    """
    found = nearest(features, _NEIGHBORS)
    powers = np.exp((found.cosine.astype(np.float64) - found.cosine[:, :1]) / _DISTANCE)
    total = powers.sum(axis=1)
    number = (total**2 / (powers**2).sum(axis=1))[:, np.newaxis]
    mean = np.zeros_like(beliefs)
    for j in range(powers.shape[1]):
        mean += (powers[:, j] / total)[:, np.newaxis] * beliefs[found.rows[:, j]]
    least = 1 / len(beliefs)  # of a class that nothing is taken for
    return np.log((number * mean + np.maximum(beliefs.mean(axis=0), least)) / (number + 1))


def kernel_regression(
    features: NDArray[np.floating], beliefs: FloatArray, *, seed: int = 0
) -> FloatArray:
    """Ridge regression of beliefs on a Gaussian kernel of unit vectors, without the own example.

    The kernel exp(-‖x - y‖² / m), m the median over images and landmarks, is approximated from
    random landmarks (Williams and Seeger, "Using the Nyström Method to Speed Up Kernel Machines",
    NeurIPS 2000). The own example is left out in closed form, (f_i - h_i R_i) / (1 - h_i).

    Args:
      features: [n, D], n ≥ 2.
      beliefs: [n, K] R; rows sum to 1.
      seed: of the landmarks.
    Returns:
      [n, K] scores less their mean.
    """
    projected, variances = _principal(_kernel_map(features, seed))
    count, deviations = len(projected), beliefs - beliefs.mean(axis=0)
    inverse = 1 / (variances + max(_RIDGE * variances.sum(), _LEAST_RIDGE))
    products = projected.T @ deviations.astype(np.float32)  # [r, K]
    fitted = projected @ (inverse[:, np.newaxis] * products / count).astype(np.float32)
    own = np.einsum("nr,r,nr->n", projected, inverse.astype(np.float32), projected, optimize=False)
    leverage = np.minimum((own.astype(np.float64) + 1) / count, 1 - 1e-6)[:, np.newaxis]
    return (fitted - leverage * deviations) / (1 - leverage)


def _kernel_map(features: NDArray[np.floating], seed: int) -> NDArray[np.float32]:
    """[n, r] rows whose inner products approximate the kernel."""
    count, size = len(features), max(1, _ROWS_CELLS // max(features.shape[1], 1))
    number = min(_LANDMARKS, count, max(1, _CELLS // count))
    chosen = _unit(features[np.random.default_rng(seed).choice(count, number, replace=False)])
    cosine = np.empty([count, number], np.float32)  # [n, r]
    for first in range(0, count, size):
        cosine[first : first + size] = _unit(features[first : first + size]) @ chosen.T
    width = float(np.median(2 - 2 * cosine[:: max(1, count // 1000)])) or 1.0
    values, vectors = np.linalg.eigh(np.exp((2 * chosen @ chosen.T - 2) / width).astype(np.float64))
    kept = values > _LEAST_VARIANCE * values[-1]
    kernel = np.exp((2 * cosine - 2) / np.float32(width))
    return kernel @ (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    wide = np.asarray(rows, np.float32)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(length > 0, length, 1), np.float32)


def _principal(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], FloatArray]:
    """[n, r] centered rows along their principal directions, and the variances [r] there."""
    centered = rows - rows.mean(axis=0)
    variances, directions = np.linalg.eigh((centered.T @ centered / len(rows)).astype(np.float64))
    return centered @ directions.astype(np.float32), variances.clip(0)


def _choose(
    logits: FloatArray, given: GivenLabels, start: FloatArray
) -> tuple[_Fitted, FloatArray]:
    """The first part or the product, see the head of the module; weights [J] of each part alone.

    Args:
      logits: [J, n, K].
      given: n labels, none of them clean.
      start: [K, K] T of the first part.
    """
    p = softmax(logits[0])
    likelihood = channels.log_likelihoods(p, given.likelihoods(start)).mean()
    as_it_is = _Fitted(np.eye(len(logits))[0], start, float(likelihood))
    spreads = [float(z.std()) or 1.0 for z in logits]
    alone = [
        _fit(z[np.newaxis], given, np.array([2 / spread]), start)
        for z, spread in zip(logits, spreads, strict=True)
    ]
    single = np.array([one.weights[0] for one in alone])
    best = int(np.argmax([one.likelihood for one in alone]))
    product = _fit(logits, given, single / len(logits), alone[best].channel)
    cost = len(logits) * np.log(len(p)) / (2 * len(p))  # of the weights, per example
    return (product if product.likelihood - cost > as_it_is.likelihood else as_it_is), single


def _fit(logits: FloatArray, given: GivenLabels, weights: FloatArray, start: FloatArray) -> _Fitted:
    """Weights and channel by turns, from those given.

    Args:
      logits: [J, n, K].
      given: n labels, none of them clean.
      weights: [J] a to start from.
      start: [K, K] T to start from.
    """
    from scipy.optimize import minimize

    fitted = _Fitted(weights, start, -np.inf)
    for _ in range(_TURNS):
        found = minimize(
            _loss_and_gradient,
            fitted.weights,
            args=(logits, given.likelihoods(fitted.channel)),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None)] * len(weights),
        )
        p = softmax(np.tensordot(found.x, logits, 1))
        channel = channels.expectation_maximization(p, given, fitted.channel, _ROUNDS)
        likelihood = float(channels.log_likelihoods(p, given.likelihoods(channel)).mean())
        gain = likelihood - fitted.likelihood
        if gain > 0:
            fitted = _Fitted(found.x, channel, likelihood)
        if gain < _GAIN:
            break
    return fitted


def _loss_and_gradient(
    weights: FloatArray, logits: FloatArray, through: FloatArray
) -> tuple[float, FloatArray]:
    """-mean log Σ_k p_ik T[k, g_i] and its derivatives by a, Σ_k (p - posterior)_ik z_jik."""
    p = softmax(np.tensordot(weights, logits, 1))
    posterior, _ = channels.posterior(p, through)
    loss = -float(channels.log_likelihoods(p, through).mean())
    return loss, np.tensordot(logits, p - posterior, 2) / len(p)


def _sharpness(logits: ArrayLike, labels: ArrayLike, num_classes: int) -> float:
    """1/τ of logits, from labels that nothing has trained on."""
    stacked, given = _checked({"held-out head": logits}, labels, np.eye(num_classes))
    counts = np.bincount(given, minlength=num_classes) + 1.0
    found = channels.read(
        stacked[0],
        counts / counts.sum(),
        _all_noisy(given),
        channels.symmetric(_FIRST_NOISE, num_classes),
        balanced=True,
        near=None,
    )
    return found.sharpness


def _score_by(loss: FloatArray, score: FloatArray) -> FloatArray:
    """[n] logistic regression of scores on the loss; where that is unknown the score itself."""
    from sklearn.linear_model import LogisticRegression

    known = np.isfinite(loss)
    if not known.any():
        return score
    column = loss[known, np.newaxis]
    column = (column - column.mean()) / (column.std() or 1.0)
    wrong = np.repeat([1, 0], len(column))
    shares = np.concatenate([score[known], 1 - score[known]])
    model = LogisticRegression().fit(np.concatenate([column, column]), wrong, shares)
    found = score.copy()
    found[known] = model.predict_proba(column)[:, 1].clip(_LEAST_SCORE, 1 - _LEAST_SCORE)
    return found


def _all_noisy(given: IntArray) -> GivenLabels:
    return GivenLabels(given, np.zeros(len(given), bool))


def _checked(
    parts: Mapping[str, ArrayLike], labels: ArrayLike, channel: FloatArray
) -> tuple[FloatArray, IntArray]:
    """[J, n, K] logits and [n] labels."""
    if not parts:
        raise ValueError("expected at least one part, got none")
    given, num_classes = np.asarray(labels), len(channel)
    shape = (*given.shape, num_classes)
    arrays = [np.asarray(values, np.float64) for values in parts.values()]
    for name, values in zip(parts, arrays, strict=True):
        if values.shape != shape or len(shape) != 2:
            raise ValueError(f"expected logits {shape} of part {name!r}, got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"expected finite logits of part {name!r}, got nan or infinity")
    if given.dtype.kind not in "iu" or ((given < 0) | (given >= num_classes)).any():
        raise ValueError(f"expected labels that are integers from 0 to {num_classes - 1}")
    return np.stack(arrays), given.astype(np.int64)
