"""Gaussian classes behind a label channel: a linear head on frozen features in closed form.

Every class is a Gaussian with a covariance that all classes share, and given labels went through a
channel T[k, j] = P(given j | true k). A round regresses class probabilities R on the features,
turns the scores that leave each example out into discriminants, fits temperature and channel to
the given labels, and applies Bayes' rule for the next R:

    n_k = Σ_i R_ik,  μ_k = Σ_i R_ik x_i / n_k,  W = (XᵀX - Σ_k n_k μ_k μ_kᵀ) / n + λ I
    z_k(x) = (xᵀ W⁻¹ μ_k - ½ μ_kᵀ W⁻¹ μ_k) / τ + log n_k/n        R_ik ∝ softmax_k(z(x_i)) T[k, g_i]

The head itself is that of the discriminants while examples are few. From `_DISCRIMINATIVE` for each
feature on, where a regression without assumptions about the classes has the edge, it is the
logistic regression of the last probabilities R on the features (`ieg.features.logistic`); the
judgment of the labels stays that of the discriminants.

Nothing looks at a true label. How much W is shrunk, how many rounds are made, and where the
constants of the discriminants come from (`CHOICES`) are weighed by the likelihood of given labels
held out from all of it, so the plain discriminant on the given labels (one round) competes with
the channel.

Generative classifiers on features: Lee et al., "Robust Inference via Generative Classifiers for
Handling Noisy Labels", ICML 2019, arXiv 1901.11300. Discriminant and flipped labels by expectation
maximization: Lawrence and Schölkopf, "Estimating a Kernel Fisher Discriminant in the Presence of
Label Noise", ICML 2001. Discriminants by regression: Hastie, Buja and Tibshirani, "Penalized
Discriminant Analysis", Annals of Statistics 23, 1995. Counting the channel from out-of-sample
predictions: Northcutt, Jiang and Chuang, "Confident Learning", JAIR 2021, arXiv 1911.00068. How
many examples decide between the two kinds of classifiers: Ng and Jordan, "On Discriminative vs.
Generative Classifiers", NIPS 2001.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ieg import blas, mapped
from ieg.audit import channel as channels
from ieg.audit.channel import FloatArray, GivenLabels, IntArray, softmax
from ieg.errors import InputError
from ieg.features import logistic
from ieg.features.scores import Rows, ScoreRegression

#: Shares s of the identity in the shrunk covariance.
SHRINKAGES = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Where the constants of the discriminants come from → how many rounds are made. Class means, as
#: in the formula, are best while rounds change little; later their errors feed back. Balanced ones,
#: for which mean probabilities are the shares n_k/n, do not allow that: among 60 % wrong labels on
#: photographs of five flowers they still gain in the tenth round, and have settled by the last.
ROUNDS = {"means": 4, "balanced": 16}
CHOICES = tuple(itertools.product(SHRINKAGES, ROUNDS))
_MOST_ROUNDS = max(ROUNDS.values())
_FOLDS = 5
#: Once this many examples were held out, further folds would cost time and change no choice.
_HELD_OUT = 4_000
#: Chosen on the labels of 8,000 and 13,000 images by 5,000 others, all of a training set.
_DISCRIMINATIVE = 5
_FIRST_NOISE = 0.3  # of the channel that the first round starts from; the rounds forget it
_NEGLIGIBLE = 1e-3  # a candidate with less than this weight is left out
_LARGEST_LEVERAGE = 1 - 1e-6


class GaussianHead(NamedTuple):
    """A linear head, and its judgment of the n labels that it was fitted to.

    Attributes:
      weights: [D, K] float32; logits of features x are x @ weights + bias: their softmax estimates
        the true class.
      bias: [K] float32.
      logits: [n, K] of the n examples, each left out of its own.
      posterior: [n, K] P(true = k | x, given label), from `logits` and `channel`.
      score: [n] in [0, 1], 1 - posterior of the given label.
      channel: [K, K] T; rows sum to 1.
      temperature: τ, a weighted (harmonic) mean over candidates; near 1 if classes are Gaussian.
      shrinkage: s in (0, 1), weighted mean.
      rounds: weighted mean, from 1; near 1 where the given labels need no channel.
      held_out: mean log-likelihood of held-out given labels, of the best candidate.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    logits: FloatArray
    posterior: FloatArray
    score: FloatArray
    channel: FloatArray
    temperature: float
    shrinkage: float
    rounds: float
    held_out: float


class _Round(NamedTuple):
    """One round's head in the coordinates of the regression.

    Attributes:
      weights: [r, K] logits of projected features, with `bias`.
      bias: [K].
      logits: [n, K], each example left out of its own.
      channel: [K, K].
      sharpness: 1/τ.
    """

    weights: FloatArray
    bias: FloatArray
    logits: FloatArray
    channel: FloatArray
    sharpness: float


def fit(
    features: ArrayLike,
    labels: ArrayLike,
    num_classes: int,
    *,
    probe: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
) -> GaussianHead:
    """Fit the head to labels of which some are wrong.

    Memory is about 16 n D bytes up to `mapped.CELLS` features; more of them are read in blocks, and
    6 n D bytes of disk are needed. A round costs 4 n D K operations. Shrinkage and number of rounds
    are weighed on as many examples at most.

    Args:
      features: [n, D] float, n ≥ 2, standardized: the covariance is shrunk to a multiple of I.
        Perhaps memory-mapped.
      labels: [n] int in [0, K), the given labels.
      num_classes: K ≥ 2. A class without any label is never predicted.
      probe: features [m, D] and labels [m] that are known to be right. They join every fit, are
        never held out, and are not part of what is returned for the n examples.
      seed: of the split into held-out parts, at least 0.
    Raises:
      InputError: shapes do not fit together, a feature is not finite, or a label is no class.

    >>> rng = np.random.default_rng(0)
    >>> classes = np.arange(60) % 2
    >>> features = rng.normal(size=[60, 2]) + 6 * classes[:, np.newaxis]
    >>> head = fit(features, np.where(np.arange(60) < 6, 1 - classes, classes), 2)
    >>> np.flatnonzero(head.score > 0.5)
    array([0, 1, 2, 3, 4, 5])
    """
    rows, given = _examples(features, labels, num_classes, "features", "labels")
    if len(rows) < 2:
        raise InputError(f"expected at least 2 examples, got {len(rows)}")
    if seed < 0:
        raise InputError("must be at least 0", option="seed", value=seed)
    count = len(rows)
    clean = np.zeros(count, bool)
    if probe is not None:
        known, right = _examples(*probe, num_classes, "probe features", "probe labels")
        if known.shape[1] != rows.shape[1]:
            raise InputError(
                f"expected probe features with {rows.shape[1]} columns, got {known.shape[1]}"
            )
        rows = mapped.gathered([(rows, np.arange(count)), (known, np.arange(len(known)))])
        given = np.concatenate([given, right])
        clean = np.concatenate([clean, np.ones(len(known), bool)])
    labels = GivenLabels(given, clean)
    some = _sample(*rows.shape)
    seen = np.asarray(rows if len(some) == len(rows) else rows[some], np.float32)
    likelihoods = _held_out_likelihoods(seen, labels.take(some), num_classes, seed)
    combined = _combine(rows, labels, num_classes, likelihoods)
    return combined._replace(
        logits=combined.logits[:count],
        posterior=combined.posterior[:count],
        score=combined.score[:count],
    )


def _sample(count: int, dim: int) -> IntArray:
    """Evenly spaced examples whose features fit into memory; all, where they do."""
    size = min(count, max(2, mapped.CELLS // dim))
    return np.linspace(0, count - 1, size).astype(np.int64)


def _examples(
    features: ArrayLike, labels: ArrayLike, num_classes: int, name: str, label_name: str
) -> tuple[Rows, IntArray]:
    rows, given = np.asanyarray(features), np.asarray(labels)
    if rows.size <= mapped.CELLS or rows.dtype != np.float16:
        rows = rows.astype(np.float32, copy=False)
    if num_classes < 2:
        raise InputError(f"expected at least 2 classes, got {num_classes}")
    if rows.ndim != 2 or given.shape != rows.shape[:1] or not rows.shape[1]:
        raise InputError(
            f"expected {name} [n, D] and {label_name} [n] with D > 0, got {rows.shape} and "
            f"{given.shape}"
        )
    for some in mapped.blocks(*rows.shape):
        finite = np.isfinite(rows[some]).all(axis=1)
        if not finite.all():
            bad = some.start + int(np.flatnonzero(~finite)[0])
            raise InputError(f"expected finite {name}, got nan or infinity in row {bad}")
    if given.dtype.kind not in "iu" or ((given < 0) | (given >= num_classes)).any():
        raise InputError(f"expected {label_name} that are integers from 0 to {num_classes - 1}")
    return rows, given.astype(np.int64)


def _held_out_likelihoods(
    rows: NDArray[np.float32], given: GivenLabels, num_classes: int, seed: int
) -> FloatArray:
    """[C, R] mean log-likelihood of given labels by heads that did not see them.

    -inf where a choice has fewer rounds than R.
    """
    part = _folds(given, seed)
    total, seen = np.full([len(CHOICES), _MOST_ROUNDS], -np.inf), 0
    for c, (_, constants) in enumerate(CHOICES):
        total[c, : ROUNDS[constants]] = 0
    for fold in range(_FOLDS):
        held = part == fold
        if not held.any() or held.all() or seen >= _HELD_OUT:
            continue
        regression = ScoreRegression(rows[~held])
        projected = ((rows[held] - regression.center) @ regression.directions).astype(np.float64)
        labels, training = given.take(held), given.take(~held)
        with blas.threads_for(rows.size * num_classes):
            for c, t, one in _rounds_of_choices(regression, training, num_classes):
                p = softmax(projected @ one.weights + one.bias)
                through = labels.likelihoods(one.channel)
                total[c, t] += channels.log_likelihoods(p, through).sum()
        seen += int(held.sum())
    return total / max(seen, 1)


def _rounds_of_choices(
    regression: ScoreRegression, given: GivenLabels, num_classes: int
) -> Iterator[tuple[int, int, _Round]]:
    """Number of the choice, number of the round (0-based) and its head."""
    for c, choice in enumerate(CHOICES):
        for t, one in enumerate(_rounds(regression, given, num_classes, *choice)):
            yield c, t, one


def _folds(given: GivenLabels, seed: int) -> IntArray:
    """[n] in [0, _FOLDS), every given class spread over all of them; -1 for clean labels."""
    order = np.random.default_rng(seed).permutation(len(given.labels))
    order = order[~given.clean[order]]
    order = order[np.argsort(given.labels[order], kind="stable")]
    part = np.full(len(given.labels), -1)
    part[order] = np.arange(len(order)) % _FOLDS
    return part


def _combine(
    rows: Rows, given: GivenLabels, num_classes: int, likelihoods: FloatArray
) -> GaussianHead:
    """Average of the candidates' heads, weighted by their likelihoods of the held-out labels.

    Args:
      rows: [n, D].
      given: n labels.
      num_classes: K.
      likelihoods: [C, R] of `_held_out_likelihoods`.
    """
    held = min(int((~given.clean).sum()), _HELD_OUT)
    share = np.exp(held * (likelihoods - likelihoods.max()))
    share[share < _NEGLIGIBLE * share.sum()] = 0
    share /= share.sum()
    regression = ScoreRegression(rows)
    with blas.threads_for(rows.size * num_classes):
        head = _average(regression, given, num_classes, share)
        through = given.likelihoods(head.channel)
        posterior = channels.posterior(softmax(head.logits), through)[0]
        weights, bias = head.weights, head.bias
        if len(rows) >= _DISCRIMINATIVE * rows.shape[1]:
            weights, bias = logistic.fit(regression.projected, posterior, (weights, bias))
    on_features = regression.directions @ weights
    return GaussianHead(
        weights=on_features.astype(np.float32),
        bias=(bias - regression.center @ on_features).astype(np.float32),
        logits=head.logits,
        posterior=posterior,
        score=1 - posterior[np.arange(len(rows)), given.labels],
        channel=head.channel,
        temperature=float(1 / head.sharpness),
        shrinkage=float(share.sum(axis=1) @ [shrinkage for shrinkage, _ in CHOICES]),
        rounds=float(share.sum(axis=0) @ np.arange(1, _MOST_ROUNDS + 1)),
        held_out=float(likelihoods.max()),
    )


def _average(
    regression: ScoreRegression, given: GivenLabels, num_classes: int, share: FloatArray
) -> _Round:
    """Average of the heads of all choices and rounds by their shares [C, R], which sum to 1."""
    weights = np.zeros([regression.directions.shape[1], num_classes])
    bias, logits = np.zeros(num_classes), np.zeros([len(given.labels), num_classes])
    channel, sharpness = np.zeros([num_classes, num_classes]), 0.0
    for choice, shares in zip(CHOICES, share, strict=True):
        if not shares.any():
            continue
        needed = shares[: np.flatnonzero(shares)[-1] + 1]
        rounds = _rounds(regression, given, num_classes, *choice)
        # The generator is second: zip ends without running the round after the last.
        for w, one in zip(needed, rounds, strict=False):
            weights += w * one.weights
            bias += w * one.bias
            logits += w * one.logits
            channel += w * one.channel
            sharpness += w * one.sharpness
    return _Round(weights, bias, logits, channel, sharpness)


def _rounds(
    regression: ScoreRegression,
    given: GivenLabels,
    num_classes: int,
    shrinkage: float,
    constants: str,
) -> Iterator[_Round]:
    """Heads of successive rounds; the first one is fitted to the given labels as they are."""
    targets = np.eye(num_classes)[given.labels]
    channel = channels.symmetric(min(_FIRST_NOISE, 1 - 1.2 / num_classes), num_classes)
    leverages = np.minimum(regression.leverages(shrinkage), _LARGEST_LEVERAGE)
    near = None
    balanced = constants == "balanced"
    for number in range(ROUNDS[constants]):
        coefficients = regression.coefficients(targets, shrinkage)
        scores = regression.left_out(targets, coefficients, leverages)
        mixing, constant, prior = discriminants(scores, targets)
        scaled = scores @ mixing
        if not balanced:
            scaled += constant
        reading = channels.read(scaled, prior, given, channel, balanced=balanced, near=near)
        sharpness, offset = reading.sharpness, reading.offset
        yield _Round(
            weights=sharpness * coefficients @ mixing,
            bias=offset if balanced else sharpness * constant + offset,
            logits=sharpness * scaled + offset,
            channel=reading.channel,
            sharpness=sharpness,
        )
        targets, channel = reading.posterior, reading.channel
        # The first round's scores are of noisy labels, and duller than any that follow.
        near = reading.sharpness if number else None


def discriminants(
    scores: FloatArray, targets: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gaussian discriminants as a linear map of regression scores.

    With scores F = X B less π, B = (C + λ I)⁻¹ Mᵀ Π, rows of M the class means and Π = diag(π),

        Xᵀ W⁻¹ Mᵀ = F Π⁻¹ (I - Gᵀ)⁻¹        G = M B, the mean score of each class,

    by the Woodbury identity, since C + λ I = W + Mᵀ Π M. G is taken from scores that left their
    own example out, so the distances between classes are not those of the training set. It is
    similar to a symmetric matrix with eigenvalues in [0, 1), and is kept to that.

    Args:
      scores: [n, K] F, rows less π.
      targets: [n, K] R ≥ 0; rows sum to 1.
    Returns:
      mixing [K, K] and constant [K]: scores @ mixing + constant are xᵀ W⁻¹ μ_k - ½ μ_kᵀ W⁻¹ μ_k;
      prior [K], the shares π, at least that of one example.
    """
    count = len(targets)
    prior = np.maximum(targets.mean(axis=0), 1 / count)
    means = targets.T @ scores / (count * prior)[:, np.newaxis]  # [K, K] G
    root = np.sqrt(prior)
    balanced = root[:, np.newaxis] * means / root
    values, vectors = np.linalg.eigh((balanced + balanced.T) / 2)
    values = values.clip(0, 1 - 1 / count)
    inverse = (vectors / (1 - values)) @ vectors.T  # of I - balanced
    own = (vectors * (values / (1 - values))) @ vectors.T
    return inverse / np.outer(root, root), -np.diag(own) / prior / 2, prior / prior.sum()
