"""Consensus of several people's labels of the same images, and the quality of each person.

Every image belongs to one class. Person j labels an image of class k as l with probability
T_j[k, l], and people err independently of each other (Dawid and Skene 1979):

    P(true = k | labels of i) ∝ prior_ik Π_{j labeled i} T_j[k, l_ij]

T_j and the prior are estimated from the labels alone, by expectation maximization. Class
probabilities p of a model that has not trained on the image take part in the prior with the weight
γ under which people's labels are most likely; π are the shares of the classes:

    prior_ik ∝ p_ik^γ π_k^(1 - γ)

A model that knows nothing is left out (γ = 0). CROWDLAB averages the model and the people, weighted
by their accuracies; here every person has a confusion matrix instead.

References: A. P. Dawid and A. M. Skene, "Maximum Likelihood Estimation of Observer Error-Rates
Using the EM Algorithm", Applied Statistics 28 (1), 1979. H. W. Goh, U. Tkachenko and J. Mueller,
"CROWDLAB: Supervised learning to infer consensus labels and quality scores for data with multiple
annotators", NeurIPS Human in the Loop Learning Workshop 2022, arXiv 2210.06812.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy  # whose parts are imported at their first use
from numpy.typing import ArrayLike, NDArray

from ieg.audit.scores import as_logits, log_softmax

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: In `from_columns`: no label.
MISSING = -1
#: The prior of each row of T_j weighs as much as this many labels.
PRIOR_LABELS = 10.0
#: A person's κ below this share of the others' median κ is suspicious; answering 40 % at random
#: leaves 0.6 of it.
LEAST_SKILL = 0.75
#: A person who calls one class by the name of another more often than this confuses the two.
MOST_CONFUSED = 0.5
#: Probability by chance, over all tests together, above which nobody is suspected.
SIGNIFICANCE = 0.001
_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5)  # tried for γ
_FITTED_ON = 20_000  # examples are enough for one number
_MOST_ROUNDS = 100
_CONVERGED = 1e-4
_LEAST_NOISE = 1e-3  # nobody is taken to be always right


class Suspicion(NamedTuple):
    """A person who labels worse than the others.

    Attributes:
      annotator: name.
      kind: "inaccurate" or "confuses".
      classes: (k, l) for one who calls class k l; None for an inaccurate one.
      value: agreement with the consensus of the others, or the share of class k that is called l.
      expected: the same for the others.
    """

    annotator: str | int
    kind: str
    classes: tuple[int, int] | None
    value: float
    expected: float


class Consensus(NamedTuple):
    """Labels that people agree on, and what the people are like.

    Attributes:
      label: [n] int in [0, K), the most probable class.
      quality: [n] in [0, 1], its probability.
      posterior: [n, K] P(true = k | all labels, and the model's probabilities); rows sum to 1.
      annotators: J names, sorted; the order of all that follows.
      num_labels: [J] int, labels of each person.
      accuracy: [J] in [0, 1], estimated share of right labels, the mean of their posterior.
      agreement: [J] in [0, 1], share of labels that are the consensus of the others (and of the
        model), over images that others have labeled or the model has seen; nan if there is none.
      confusion: [J, K, K] T_j[k, l], estimated probability of label l for class k; rows sum to 1.
      suspicious: suspected people; one may be there several times.
      model_weight: γ; 0 without a model.
    """

    label: IntArray
    quality: FloatArray
    posterior: FloatArray
    annotators: list[str | int]
    num_labels: IntArray
    accuracy: FloatArray
    agreement: FloatArray
    confusion: FloatArray
    suspicious: list[Suspicion]
    model_weight: float


class _Fit(NamedTuple):
    """Result of the expectation maximization.

    Attributes:
      log_joint: [n, K] log of prior times likelihood of the labels, up to a constant per row.
      posterior: [n, K] its softmax.
      log_channel: [J, K, K] log T_j[k, l] at [j, l, k].
      weight: γ.
    """

    log_joint: FloatArray
    posterior: FloatArray
    log_channel: FloatArray
    weight: float


def from_columns(
    columns: ArrayLike, names: Sequence[str | int] | None = None
) -> tuple[IntArray, NDArray[Any], IntArray]:
    """Long table of labels from a wide one.

    Args:
      columns: [n, J] int, a column of labels for each person; -1 for no label.
      names: J names of the people; None for their numbers from 0.
    Returns:
      example [m], annotator [m] and label [m], as `estimate` takes them.
    Raises:
      ValueError: another shape or type, or the number of names differs.

    >>> from_columns([[2, -1], [0, 1]], names=["ann", "bob"])
    (array([0, 1, 1]), array(['ann', 'ann', 'bob'], dtype='<U3'), array([2, 0, 1]))
    """
    wide = np.asarray(columns)
    if wide.ndim != 2 or wide.dtype.kind not in "iu":
        raise ValueError(f"expected integers [n, J], got {wide.dtype} of shape {wide.shape}")
    people = np.arange(wide.shape[1]) if names is None else np.asarray(names)
    if people.shape != wide.shape[1:]:
        raise ValueError(f"expected {wide.shape[1]} names of annotators, got {people.size}")
    example, column = np.nonzero(wide != MISSING)
    return example, people[column], wide[example, column].astype(np.int64)


def estimate(
    example: ArrayLike,
    annotator: ArrayLike,
    label: ArrayLike,
    *,
    num_examples: int,
    num_classes: int,
    probabilities: ArrayLike | None = None,
) -> Consensus:
    """Estimate the consensus of people's labels and the quality of each person.

    The prior of T_j has the person's estimated accuracy α_j on the diagonal and the confusions O of
    all people together beside it, and weighs as much as `PRIOR_LABELS` = a labels per class:

        T_j[k, l] ∝ N_j[k, l] + a S_j[k, l],    S_j[k, k] = α_j,  S_j[k, l] = (1 - α_j) O[k, l]

    with N_j[k, l] = Σ_{i: l_ij = l} P(true_i = k | labels). So somebody with few labels is taken to
    be like the others, as far as those do not show the contrary. Memory is about 50 (J K² + n K)
    bytes.

    A person is suspected by the labels of images that others have labeled too (or the model has
    seen), compared with the consensus of those others. "inaccurate": Cohen's κ is below
    `LEAST_SKILL` of the median κ of the others, "confuses": more than `MOST_CONFUSED` of a class
    are called by the name of one other class, at least twice as often as by the others; and chance
    is ruled out (binomial test, p < `SIGNIFICANCE` with Bonferroni's correction). Of two people
    nobody can say who is the worse, unless there is a model.

    Args:
      example: [m] int in [0, n), one row for each label.
      annotator: [m] str or int, the person.
      label: [m] int in [0, K).
      num_examples: n; each example has at least one label.
      num_classes: K ≥ 2.
      probabilities: [n, K] in [0, 1] of a model that was not trained on the example; rows sum to 1,
        one with a NaN says nothing.
    Returns:
      a `Consensus`.
    Raises:
      ValueError: lengths differ, a label, an example or a person is missing or unknown, all labels
        are of one person, somebody gave two labels to an example, or `probabilities` do not fit.

    >>> columns = np.repeat([[0, 0, 0], [1, 1, 1], [0, 0, 1]], [20, 20, 4], axis=0)
    >>> table = from_columns(columns, names=["ann", "bob", "cid"])
    >>> found = estimate(*table, num_examples=44, num_classes=2)
    >>> found.label[[0, 20, 40]], found.accuracy.round(1)
    (array([0, 1, 0]), array([1. , 1. , 0.9]))
    """
    rows, names = _checked(example, annotator, label, num_examples, num_classes)
    log_p: FloatArray | None = None
    if probabilities is not None:
        log_p = log_softmax(as_logits(None, probabilities))
        if log_p.shape != (num_examples, num_classes):
            raise ValueError(
                f"expected probabilities [{num_examples}, {num_classes}], got shape {log_p.shape}"
            )
    examples, people, labels = rows.T
    fit = _fit(rows, len(names), num_examples, num_classes, log_p)
    num_labels = np.bincount(people, minlength=len(names))
    accuracy = np.bincount(people, fit.posterior[examples, labels], len(names)) / num_labels
    shared = np.bincount(examples, minlength=num_examples)[examples] > 1
    if fit.weight > 0:
        shared[:] = True
    others = _consensus_of_others(rows, fit)
    counts = np.zeros([len(names), num_classes, num_classes])
    np.add.at(counts, (people[shared], others[shared], labels[shared]), 1)
    agreed, compared = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    return Consensus(
        label=fit.posterior.argmax(axis=1),
        quality=fit.posterior.max(axis=1),
        posterior=fit.posterior,
        annotators=names,
        num_labels=num_labels,
        accuracy=accuracy,
        agreement=np.divide(agreed, compared, out=np.full(len(names), np.nan), where=compared > 0),
        confusion=np.exp(fit.log_channel).transpose(0, 2, 1),
        suspicious=[*_inaccurate(counts, accuracy, names), *_confusing(counts, names)],
        model_weight=fit.weight,
    )


def _checked(
    example: ArrayLike, annotator: ArrayLike, label: ArrayLike, num_examples: int, num_classes: int
) -> tuple[IntArray, list[str | int]]:
    """[m, 3] example, number of the person and label, each label once; and the people's names."""
    examples, people, labels = np.asarray(example), np.asarray(annotator), np.asarray(label)
    if examples.ndim != 1 or not examples.shape == people.shape == labels.shape:
        raise ValueError(
            "expected examples, annotators and labels [m], got shapes "
            f"{examples.shape}, {people.shape} and {labels.shape}"
        )
    if num_classes < 2:
        raise ValueError(f"expected at least 2 classes, got {num_classes}")
    _check_range(examples, "example", num_examples)
    _check_range(labels, "label", num_classes)
    names, numbers = _numbered(people)
    unlabeled = np.flatnonzero(np.bincount(examples, minlength=num_examples) == 0)
    if len(unlabeled):
        raise ValueError(f"example {unlabeled[0]} has no label ({len(unlabeled):,} have none)")
    rows = np.unique(np.stack([examples, numbers, labels], axis=1).astype(np.int64), axis=0)
    twice = np.flatnonzero((rows[1:, :2] == rows[:-1, :2]).all(axis=1))
    if len(twice):
        (i, person, first), second = rows[twice[0]], rows[twice[0] + 1, 2]
        raise ValueError(
            f"annotator {names[person]} labels example {i} twice, as {first} and as {second}"
        )
    return rows, names


def _check_range(values: NDArray[Any], name: str, size: int) -> None:
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError(f"row {np.flatnonzero(np.isnan(values))[0]} has no {name}")
    if values.dtype.kind not in "iu":
        raise ValueError(f"expected integers as {name}s, got {values.dtype}")
    outside = np.flatnonzero((values < 0) | (values >= size))
    if len(outside):
        raise ValueError(
            f"row {outside[0]} has the {name} {values[outside[0]]}, which is not in [0, {size}); "
            "rows without a label are left out"
        )


def _numbered(people: NDArray[Any]) -> tuple[list[str | int], IntArray]:
    """Sorted names of people, and the number of the one in each row."""
    if people.dtype.kind not in "iu":
        unknown = [i for i, one in enumerate(people.tolist()) if _is_unknown(one)]
        if unknown:
            raise ValueError(f"row {unknown[0]} does not say whose label it is")
        people = people.astype(str)
    names, numbers = np.unique(people, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"a consensus needs labels of at least 2 people, got {len(names)}; "
            "ieg.audit.estimate scores the labels of one"
        )
    return names.tolist(), numbers.reshape(-1)


def _is_unknown(name: object) -> bool:
    return name is None or name != name or not str(name).strip()


def _fit(
    rows: IntArray, num_people: int, num_examples: int, num_classes: int, log_p: FloatArray | None
) -> _Fit:
    """Expectation maximization, from the shares of votes."""
    examples, people, labels = rows.T
    # [n, J K], 1 where person j labels example i as l: the sums of both steps are products with it.
    given = scipy.sparse.csr_array(
        (np.ones(len(rows)), (examples, people * num_classes + labels)),
        (num_examples, num_people * num_classes),
    )
    votes = np.zeros([num_examples, num_classes])
    np.add.at(votes, (examples, labels), 1)
    posterior, weight = votes / votes.sum(axis=1, keepdims=True), 0.0
    for _ in range(_MOST_ROUNDS):
        joint = (given.T @ posterior).reshape(num_people, num_classes, num_classes)
        log_channel = np.log(_channels(joint))
        log_likelihood = given @ log_channel.reshape(-1, num_classes)
        share = np.log((posterior.sum(axis=0) + 1) / (num_examples + num_classes))
        if log_p is not None:
            weight = _likeliest_weight(log_p, share, log_likelihood)
        before = posterior
        log_joint = _log_prior(log_p, share, weight) + log_likelihood
        posterior = np.exp(log_softmax(log_joint))
        if np.abs(posterior - before).max() < _CONVERGED:
            break
    return _Fit(log_joint, posterior, log_channel, weight)


def _channels(joint: FloatArray) -> FloatArray:
    """[J, K, K] T_j[k, l] at [j, l, k], from expected counts N_j[k, l] at the same place."""
    num_classes = joint.shape[1]
    together = joint.sum(axis=0) + 1
    np.fill_diagonal(together, 0)
    confusions = together / together.sum(axis=0)
    right, total = np.trace(joint, axis1=1, axis2=2), joint.sum(axis=(1, 2))
    accuracy = (right + PRIOR_LABELS * right.sum() / total.sum()) / (total + PRIOR_LABELS)
    accuracy = np.minimum(accuracy, 1 - _LEAST_NOISE)[:, np.newaxis, np.newaxis]
    prior = accuracy * np.eye(num_classes) + (1 - accuracy) * confusions
    counts = joint + PRIOR_LABELS * prior
    return counts / counts.sum(axis=1, keepdims=True)


def _log_prior(log_p: FloatArray | None, share: FloatArray, weight: float) -> FloatArray:
    """[n, K] or [K] log prior_ik."""
    return share if log_p is None else log_softmax(weight * log_p + (1 - weight) * share)


def _likeliest_weight(log_p: FloatArray, share: FloatArray, log_likelihood: FloatArray) -> float:
    some = np.linspace(0, len(log_p) - 1, min(len(log_p), _FITTED_ON)).astype(np.int64)
    p, likelihood = log_p[some], log_likelihood[some]

    def of_labels(weight: float) -> float:
        return float(np.logaddexp.reduce(_log_prior(p, share, weight) + likelihood, axis=1).sum())

    return max(_WEIGHTS, key=of_labels)


def _consensus_of_others(rows: IntArray, fit: _Fit) -> IntArray:
    """[m] most probable class of each labeled example without this label."""
    examples, people, labels = rows.T
    return (fit.log_joint[examples] - fit.log_channel[people, labels]).argmax(axis=1)


def _inaccurate(
    counts: FloatArray, accuracy: FloatArray, names: Sequence[str | int]
) -> list[Suspicion]:
    """People with a low κ.

    Both the estimated accuracy and the agreement with the others' consensus are turned into κ. The
    first says how bad somebody is: agreement is lower than accuracy, by an amount that depends on
    the others. The second says whether it is chance: no label is compared with itself.

    Args:
      counts: [J, K, K] of the others' consensus and a person's label.
      accuracy: [J].
      names: J.
    """
    compared = counts.sum(axis=(1, 2))
    some = np.maximum(compared, 1)
    agreed = np.trace(counts, axis1=1, axis2=2)
    chance = (counts.sum(axis=2) * counts.sum(axis=1)).sum(axis=1) / some**2
    scale = np.maximum(1 - chance, _LEAST_NOISE)
    skill, kappa = (accuracy - chance) / scale, (agreed / some - chance) / scale
    found = []
    for j in np.flatnonzero(compared).tolist():
        others = compared > 0
        others[j] = False
        if not others.any() or skill[j] >= LEAST_SKILL * np.median(skill[others]):
            continue
        expected = float(chance[j] + np.median(kappa[others]) * scale[j])
        p = scipy.stats.binom.cdf(agreed[j], compared[j], expected)
        if p * len(names) < SIGNIFICANCE:
            value = float(agreed[j] / compared[j])
            found.append(Suspicion(names[j], "inaccurate", None, value, expected))
    return found


def _confusing(counts: FloatArray, names: Sequence[str | int]) -> list[Suspicion]:
    """People who call a class by the name of another one; counts as in `_inaccurate`."""
    num_classes, together = counts.shape[1], counts.sum(axis=0)
    tests, found = counts.size - len(names) * num_classes, []
    sizes = np.maximum(counts.sum(axis=2, keepdims=True), 1)
    for j, k, other in np.argwhere(counts > MOST_CONFUSED * sizes).tolist():
        if k == other:
            continue
        size, number = counts[j, k].sum(), counts[j, k, other]
        rest = together[k] - counts[j, k]
        expected = float((rest[other] + 1) / (rest.sum() + num_classes))
        p = scipy.stats.binom.sf(number - 1, size, expected)
        if number > 2 * expected * size and p * tests < SIGNIFICANCE:
            share = float(number / size)
            found.append(Suspicion(names[j], "confuses", (k, other), share, expected))
    return found
