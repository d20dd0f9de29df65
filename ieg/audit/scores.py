"""Probability that a given label is wrong, from the outputs of a classifier.

Every example is taken to belong to one class, and its label to have gone through a channel
T[k, j] = P(given label j | true class k). The classifier votes for the class with probabilities p,
and Bayes' rule weighs the vote against the channel:

    P(true = k | x, given = g) ∝ p_k^(1/τ) T[k, g]        score = 1 - P(true = g | x, given = g)

T is counted from given labels against the class that the classifier prefers, as in confident
learning. τ is the temperature under which the given labels are most likely: a network that was
trained on wrong labels is less sure than it is right.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: A label with a score above this counts as wrong.
THRESHOLD = 0.5

#: τ is sought here. A vote is never made more than four times as sharp: among few doubtful examples
#: the likelihood would make it a certainty.
_TEMPERATURES = 2.0 ** np.arange(-2, 2.25, 0.25)
_FITTED_ON = 20_000  # examples are enough for one number
_CELLS_AT_ONCE = 1 << 22  # of [n, K]
_LEAST = 1e-6  # no probability of a given label is taken to be nearer to 0 or 1
#: Rows of probabilities may be that far from summing to one, as those in float16 are.
_SUM_TOLERANCE = 0.02
#: Stands for a probability of 0, whose logarithm is not finite.
_TINY = float(np.finfo(np.float32).tiny)


class Estimate(NamedTuple):
    """Scores of n given labels, and the noise that they amount to.

    Attributes:
      score: [n] in [0, 1], estimated probability that the given label is wrong.
      suggested: [n] int, the most probable other class where the score is above `THRESHOLD`, else
        the given label itself.
      given_probability: [n] in [0, 1], of the given label by the classifier alone.
      noise_rate: in [0, 1], estimated share of wrong labels, the mean of the scores.
      transition: [K, K] estimated share of each given label (column) among the examples of a true
        class (row); rows sum to 1, or to 0 for a class that nothing is taken for.
      temperature: τ.
    """

    score: FloatArray
    suggested: IntArray
    given_probability: FloatArray
    noise_rate: float
    transition: FloatArray
    temperature: float


def estimate(
    labels: ArrayLike,
    *,
    logits: ArrayLike | None = None,
    probabilities: ArrayLike | None = None,
    running_loss: ArrayLike | None = None,
) -> Estimate:
    """Score given labels by the outputs of a classifier; the true labels are not needed.

        P(true = k | example, given = g) ∝ p_k^(1/τ) T[k, g],    score = 1 - P(true = g)

    T and τ are estimated from the same outputs, see the head of `ieg.audit.scores`. Outputs should
    be those of a model that has not trained on the example (cross-validation), or come with
    `running_loss`: a network that has memorized wrong labels by the end of training had not in the
    middle of it. The vote for the given label is then exp(-ℓ), its (geometric) mean over training,
    and the votes for other classes share the rest as they do in `logits`.

    Args:
      labels: [n] int in [0, K), the given ones.
      logits: [n, K] float; a row that is not finite says nothing.
      probabilities: [n, K] in [0, 1] in the place of `logits`; rows sum to 1, a row with a NaN says
        nothing.
      running_loss: [n] float, mean cross entropy ℓ against the given label over training, nan
        where unknown; None for a model that did not train on these examples.
    Returns:
      an `Estimate`.
    Raises:
      ValueError: not exactly one of `logits` and `probabilities` is given, there is no example, or
        shapes or ranges are not as above.

    Reference: the counts follow Northcutt, Jiang and Chuang, "Confident Learning: Estimating
    Uncertainty in Dataset Labels", JAIR 70, 2021 (arXiv 1911.00068), with argmax in the place of
    its thresholds.

    >>> probabilities = np.repeat([[0.9, 0.1], [0.1, 0.9], [0.55, 0.45]], [5, 5, 2], axis=0)
    >>> labels = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1]
    >>> found = estimate(labels, probabilities=probabilities)
    >>> found.score.round(2)
    array([0.  , 0.  , 0.  , 0.  , 1.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.05,
           0.43])
    >>> found.suggested
    array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1])
    """
    z = as_logits(logits, probabilities)
    given = _as_labels(labels, z.shape)
    loss = _as_running_loss(running_loss, len(z))
    return _estimate(z, given, loss)


def from_posterior(posterior: ArrayLike, labels: ArrayLike, logits: ArrayLike) -> Estimate:
    """Estimate from probabilities of the true class that somebody has found already.

    Args:
      posterior: [n, K] P(true = k | example, given label); rows sum to 1.
      labels: [n] int in [0, K), the given ones.
      logits: [n, K] of the true class from the example alone.
    Returns:
      an `Estimate` with temperature 1.

    >>> posterior = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]
    >>> found = from_posterior(posterior, [0, 1, 1], np.log(posterior))
    >>> found.score.round(2), found.suggested, round(found.noise_rate, 2)
    (array([0.1, 0.8, 0.3]), array([0, 0, 1]), 0.4)
    """
    rows = np.asarray(posterior, np.float64)
    given = _as_labels(labels, rows.shape)
    own, others = _own_and_others(rows, given)
    score = 1 - own
    counts = np.zeros([rows.shape[1], rows.shape[1]])
    np.add.at(counts.T, given, rows)
    return Estimate(
        score=score,
        suggested=np.where(score > THRESHOLD, others.argmax(axis=1), given),
        given_probability=np.exp(_own_and_others(log_softmax(logits), given)[0]),
        noise_rate=float(score.mean()),
        transition=_row_shares(counts),
        temperature=1.0,
    )


def _estimate(z: NDArray[np.floating], labels: IntArray, loss: FloatArray) -> Estimate:
    num_classes = z.shape[1]
    parts = list(_parts(len(z), num_classes))
    preferred = np.concatenate([votes(z[p], labels[p], loss[p]).argmax(axis=1) for p in parts])
    channel = counted_channel(preferred, labels, num_classes)
    some = np.linspace(0, len(z) - 1, min(len(z), _FITTED_ON)).astype(np.int64)
    log_p = votes(z[some], labels[some], loss[some])
    temperature = likeliest_temperature(log_p, labels[some], channel)
    counts = np.zeros([num_classes, num_classes])
    scores, suggested, probabilities = [], [], []
    for part in parts:
        log_p = votes(z[part], labels[part], loss[part]) / temperature
        posterior = log_softmax(log_p + np.log(channel[:, labels[part]]).T)  # [m, K]
        np.add.at(counts.T, labels[part], np.exp(posterior))
        _, others = _own_and_others(posterior, labels[part])
        scores.append(np.minimum(np.exp(_log_sum_exp(others)), 1.0))  # 1 may be rounded up
        wrong = scores[-1] > THRESHOLD
        suggested.append(np.where(wrong, others.argmax(axis=1), labels[part]))
        probabilities.append(np.exp(_own_and_others(log_softmax(z[part]), labels[part])[0]))
    score = np.concatenate(scores)
    return Estimate(
        score=score,
        suggested=np.concatenate(suggested),
        given_probability=np.concatenate(probabilities),
        noise_rate=float(score.mean()),
        transition=_row_shares(counts),
        temperature=temperature,
    )


def _row_shares(counts: FloatArray) -> FloatArray:
    """Rows [K, K] divided by their sums; 0 where a sum is 0."""
    sums = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)


def as_logits(logits: ArrayLike | None, probabilities: ArrayLike | None) -> NDArray[np.floating]:
    """[n, K] logits, of which the logarithms of probabilities are some."""
    if (logits is None) == (probabilities is None):
        both = "neither" if logits is None else "both"
        raise ValueError(f"expected either logits or probabilities, got {both}")
    name = "probabilities" if logits is None else "logits"
    rows = np.asarray(probabilities if logits is None else logits)
    if rows.ndim != 2 or not rows.shape[0] or rows.shape[1] < 2:
        raise ValueError(f"expected {name} [n, K] with n > 0 and K > 1, got shape {rows.shape}")
    if not (np.issubdtype(rows.dtype, np.floating) or np.issubdtype(rows.dtype, np.integer)):
        raise ValueError(f"expected {name} as numbers, got {rows.dtype}")
    if probabilities is None:
        return rows
    known = rows[~np.isnan(rows).any(axis=1)].astype(np.float64)
    if known.size:
        if known.min() < 0 or known.max() > 1:
            raise ValueError(
                f"expected probabilities in [0, 1], got {known.min():.4g} to {known.max():.4g}; "
                "logits are given as logits=..."
            )
        sums = known.sum(axis=1)
        worst = sums[np.argmax(np.abs(sums - 1))]
        if abs(worst - 1) > _SUM_TOLERANCE:
            raise ValueError(
                f"expected rows of probabilities to sum to 1, got a sum of {worst:.4g}"
            )
    return np.log(np.maximum(rows, _TINY, dtype=np.float64))


def _as_labels(labels: ArrayLike, shape: tuple[int, ...]) -> IntArray:
    given, (count, num_classes) = np.asarray(labels), shape
    if given.shape != (count,):
        raise ValueError(
            f"expected one label for each of {count} rows of outputs, got shape {given.shape}"
        )
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"expected labels as whole numbers, got {given.dtype}; those of names in sorted order "
            "are np.unique(labels, return_inverse=True)[1]"
        )
    if given.min() < 0 or given.max() >= num_classes:
        raise ValueError(
            f"expected labels from 0 to {num_classes - 1}, one for each column of the outputs, got "
            f"{given.min()} to {given.max()}"
        )
    return given.astype(np.int64)


def _as_running_loss(running_loss: ArrayLike | None, count: int) -> FloatArray:
    if running_loss is None:
        return np.full(count, np.nan)
    loss = np.asarray(running_loss)
    if loss.shape != (count,):
        raise ValueError(
            f"expected one running loss for each of {count} examples, got shape {loss.shape}"
        )
    return loss


def votes(logits: ArrayLike, given: IntArray, running_loss: FloatArray) -> FloatArray:
    """Log probabilities of each class, with exp(-running loss) for the given one where known.

    Args:
      logits: [n, K].
      given: [n] int in [0, K).
      running_loss: [n], nan where unknown.
    Returns:
      [n, K] float64; rows are distributions.
    """
    log_p = log_softmax(logits)
    _, others = _own_and_others(log_p, given)
    p = np.clip(np.exp(-running_loss), _LEAST, 1 - _LEAST)
    share = np.log1p(-p) - _log_sum_exp(others)
    mixed = others + share[:, np.newaxis]
    mixed[np.arange(len(given)), given] = np.log(p)
    return np.where(np.isnan(running_loss)[:, np.newaxis], log_p, mixed)


def counted_channel(preferred: IntArray, given: IntArray, num_classes: int) -> FloatArray:
    """T[k, j] = (#{preferred k, given j} + 1/K) / (#{preferred k} + 1).

    One more example, spread over all labels, keeps every cell above zero.

    Args:
      preferred: [n] int, the class that gets most of the votes.
      given: [n] int.
      num_classes: K.
    Returns:
      [K, K]; rows sum to 1.
    """
    counts = np.full([num_classes, num_classes], 1 / num_classes)
    np.add.at(counts, (preferred, given), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def log_softmax(logits: ArrayLike) -> FloatArray:
    """[n, K] log probabilities; -log K for all classes in a row that is not finite."""
    wide = np.asarray(logits, np.float64)
    wide = np.where(np.isfinite(wide).all(axis=1, keepdims=True), wide, 0.0)
    return wide - _log_sum_exp(wide)[:, np.newaxis]


def likeliest_temperature(log_p: FloatArray, given: IntArray, channel: FloatArray) -> float:
    """τ with the largest Σ_i log Σ_k p_ik^(1/τ) T[k, g_i], the powers scaled to sum to one."""
    through = np.log(channel[:, given]).T  # [n, K]
    likelihoods = [_log_sum_exp(log_softmax(log_p / t) + through).sum() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmax(likelihoods))])


def _own_and_others(log_p: FloatArray, given: IntArray) -> tuple[FloatArray, FloatArray]:
    """[n] entries of the given labels; [n, K] the rest, with -inf in their place."""
    rows, others = np.arange(len(given)), log_p.copy()
    others[rows, given] = -np.inf
    return log_p[rows, given], others


def _log_sum_exp(rows: FloatArray) -> FloatArray:
    # Not SciPy's, which differs in the last bit: scores of finished runs stay as they are.
    highest = rows.max(axis=1)
    return highest + np.log(np.exp(rows - highest[:, np.newaxis]).sum(axis=1))


def _parts(count: int, num_classes: int) -> Iterator[slice]:
    """Some rows at a time: [n, K] in 64 bits would not fit for ImageNet."""
    size = max(1, _CELLS_AT_ONCE // num_classes)
    return (slice(first, first + size) for first in range(0, count, size))
