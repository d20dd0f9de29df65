"""Which given labels are probably wrong: a score for each example, from what a network says of it.

Every image is taken to belong to one class, and its label to have gone through a channel
T[k, j] = P(given label j | true class k). The network votes for the class, Bayes' rule weighs the
vote against the channel:

    P(true = k | image, given = g) ∝ p_k^(1/τ) T[k, g]        score = 1 - P(true = g | image, g)

T is counted from given labels against the class that the network prefers, as in confident learning
(Northcutt, Jiang and Chuang, "Confident Learning", JAIR 2021, arXiv 1911.00068, with argmax in the
place of its thresholds). τ is the temperature under which the given labels are most likely: a
network that was trained on wrong labels is less sure than it is right.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ieg.audit import ranking

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: From which score on a label counts as wrong.
THRESHOLD = 0.5
#: Of `precision at k`: as many as a person looks through in a few minutes.
FIRST = 100

#: τ is sought here. A vote is never made more than four times as sharp: among few doubtful examples
#: the likelihood would make it a certainty.
_TEMPERATURES = 2.0 ** np.arange(-2, 2.25, 0.25)
_FITTED_ON = 20_000  # examples are enough for one number
_CELLS_AT_ONCE = 1 << 22  # of [n, K]
_LEAST = 1e-6  # no probability of a given label is taken to be nearer to 0 or 1

#: Columns of the table that are not evidence.
_LABELS = ("index", "path", "given_class", "given_label", "true_label")


class Estimate(NamedTuple):
    """What can be said of n given labels.

    Attributes:
      score: [n] in [0, 1], estimated probability that the given label is wrong.
      suggested: [n] the most probable other class where that is more than `THRESHOLD`, else the
        given label itself.
      given_probability: [n] softmax of the network for the given label.
      noise_rate: share of wrong labels, the mean of the scores.
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
    logits: ArrayLike, given: ArrayLike, running_loss: ArrayLike | None = None
) -> Estimate:
    """Scores of given labels; nothing here knows the true ones.

    A network that has memorised wrong labels by the end of training had not in the middle of it.
    With `running_loss` ℓ the vote for the given label is therefore exp(-ℓ), its (geometric) mean
    over training, and the votes for other classes share what is left as at the end.

    Args:
      logits: [n, K] of images that are not augmented; a row that is not finite says nothing.
      given: [n] int in [0, K).
      running_loss: [n] mean cross entropy against the given label in training, nan where unknown;
        None for networks that did not train on these examples.
    Raises:
      ValueError: there is no example, or the shapes do not fit together.
    """
    z, labels = np.asarray(logits), np.asarray(given, np.int64)
    loss = np.full(len(labels), np.nan) if running_loss is None else np.asarray(running_loss)
    if z.ndim != 2 or not len(z) or not z.shape[:1] == labels.shape == loss.shape:
        raise ValueError(
            f"expected logits [n, K], labels [n] and losses [n] with n > 0, got {z.shape}, "
            f"{labels.shape} and {loss.shape}"
        )
    num_classes = z.shape[1]
    parts = list(_parts(len(z), num_classes))
    preferred = np.concatenate([votes(z[p], labels[p], loss[p]).argmax(axis=1) for p in parts])
    channel = counted_channel(preferred, labels, num_classes)
    some = np.linspace(0, len(z) - 1, min(len(z), _FITTED_ON)).astype(np.int64)
    log_p = votes(z[some], labels[some], loss[some])
    temperature = _likeliest_temperature(log_p, labels[some], channel)
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
    sizes = counts.sum(axis=1, keepdims=True)
    return Estimate(
        score,
        np.concatenate(suggested),
        np.concatenate(probabilities),
        float(score.mean()),
        np.divide(counts, sizes, out=np.zeros_like(counts), where=sizes > 0),
        temperature,
    )


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
      preferred: [n] int, the class that the network votes for most.
      given: [n] int.
      num_classes: K.
    Returns:
      [K, K]; rows sum to 1.
    """
    counts = np.full([num_classes, num_classes], 1 / num_classes)
    np.add.at(counts, (preferred, given), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def measure(score: FloatArray, wrong: NDArray[np.bool_]) -> dict[str, float | None]:
    """How well scores find the labels that are really wrong.

    Args:
      score: [n] in [0, 1].
      wrong: [n] bool.
    Returns:
      auroc; average_precision; precision_at_wrong, among as many of the highest scores as labels
      are wrong; precision_at_100; f1 of score > 0.5. Fractions in [0, 1], None where there is
      nothing to measure: no wrong label, none that is right (auroc), fewer than 100 examples.
    """
    count, first = int(wrong.sum()), f"precision_at_{FIRST}"
    names = ("auroc", "average_precision", "precision_at_wrong", first, "f1")
    found: dict[str, float | None] = dict.fromkeys(names)
    if 0 < count < len(wrong):
        found["auroc"] = ranking.auroc(score, wrong)
    if count:
        found["average_precision"] = ranking.average_precision(score, wrong)
        found["precision_at_wrong"] = ranking.precision_at(score, wrong, count)
        found["f1"] = ranking.f1(score > THRESHOLD, wrong)
    if len(wrong) >= FIRST:
        found[first] = ranking.precision_at(score, wrong, FIRST)
    return found


def table(
    examples: Mapping[str, Any], found: Estimate, class_names: Sequence[str]
) -> dict[str, Any]:
    """Columns of label_audit.csv, the highest score first, of equal ones the lower index.

    Args:
      examples: columns of examples.csv: [n] index, given_label and true_label (nan: unknown) as
        numbers, perhaps path, and what training says of each example.
      found: of the same n examples.
      class_names: K names.
    Returns:
      index, path ("" without files), given_label, suggested_label, score, true_label ("" where
      unknown), given_probability, and the rest of `examples` as it is.
    """
    order = np.lexsort((examples["index"], -found.score))

    def names(labels: ArrayLike) -> list[str]:
        return ["" if math.isnan(k) else class_names[int(k)] for k in np.asarray(labels)[order]]

    paths = examples.get("path")
    evidence = {name: column for name, column in examples.items() if name not in _LABELS}
    return {
        "index": np.asarray(examples["index"])[order],
        "path": [""] * len(order) if paths is None else [paths[i] for i in order],
        "given_label": names(examples["given_label"]),
        "suggested_label": names(found.suggested),
        "score": found.score[order],
        "true_label": names(examples["true_label"]),
        "given_probability": found.given_probability[order],
        **{name: np.asarray(column)[order] for name, column in evidence.items()},
    }


def log_softmax(logits: ArrayLike) -> FloatArray:
    """[n, K] log probabilities; -log K for all classes in a row that is not finite."""
    wide = np.asarray(logits, np.float64)
    wide = np.where(np.isfinite(wide).all(axis=1, keepdims=True), wide, 0.0)
    return wide - _log_sum_exp(wide)[:, np.newaxis]


def _likeliest_temperature(log_p: FloatArray, given: IntArray, channel: FloatArray) -> float:
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
    highest = rows.max(axis=1)
    return highest + np.log(np.exp(rows - highest[:, np.newaxis]).sum(axis=1))


def _parts(count: int, num_classes: int) -> Iterator[slice]:
    """Some rows at a time: [n, K] in 64 bits would not fit for ImageNet."""
    size = max(1, _CELLS_AT_ONCE // num_classes)
    return (slice(first, first + size) for first in range(0, count, size))
