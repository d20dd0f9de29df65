"""Consensus of several people's labels: fixed point by hand, bad people, and bad tables."""

from typing import Any

import numpy as np
import pytest

from ieg.audit import annotators
from ieg.audit.annotators import Consensus, estimate, from_columns

K = 4


def crowd(
    accuracies: list[float], count: int = 400, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """True classes [n] and labels [n, J] of people who err to any other class."""
    rng = np.random.default_rng(seed)
    true = rng.integers(K, size=count)
    wrong = (true[:, None] + rng.integers(1, K, size=[count, len(accuracies)])) % K
    return true, np.where(rng.random(wrong.shape) < accuracies, true[:, None], wrong)


def consensus(columns: Any, num_classes: int = K, **more: Any) -> Consensus:
    return estimate(
        *from_columns(columns), num_examples=len(columns), num_classes=num_classes, **more
    )


def test_bayes_and_counts_hold_for_the_result() -> None:
    """Both steps of the algorithm, written as in the docstrings, leave the result as it is."""
    _, columns = crowd([0.9, 0.7, 0.6], count=60)
    columns[::3, 1] = annotators.MISSING
    found = consensus(columns)
    posterior, people = found.posterior, range(3)
    share = (posterior.sum(axis=0) + 1) / (60 + K)
    for i, row in enumerate(columns):
        joint = share.copy()
        for j in people:
            if row[j] >= 0:
                joint *= found.confusion[j, :, row[j]]
        np.testing.assert_allclose(posterior[i], joint / joint.sum(), atol=1e-3)
    counts = np.zeros([3, K, K])
    for i, row in enumerate(columns):
        for j in people:
            if row[j] >= 0:
                counts[j, :, row[j]] += posterior[i]
    off = counts.sum(axis=0) + 1 - np.diag(np.diag(counts.sum(axis=0) + 1))
    off /= off.sum(axis=1, keepdims=True)
    right = np.trace(counts, axis1=1, axis2=2)
    a = annotators.PRIOR_LABELS
    for j in people:
        accuracy = (right[j] + a * right.sum() / counts.sum()) / (counts[j].sum() + a)
        rows = counts[j] + a * (accuracy * np.eye(K) + (1 - accuracy) * off)
        np.testing.assert_allclose(
            found.confusion[j], rows / rows.sum(axis=1, keepdims=True), atol=1e-3
        )
        assert found.accuracy[j] == pytest.approx(right[j] / counts[j].sum(), abs=1e-3)


def test_one_good_person_outvotes_two_bad_ones() -> None:
    true, columns = crowd([0.97, 0.5, 0.5, 0.97, 0.97], count=1000)
    columns[500:, 3:] = annotators.MISSING  # where the good one is alone with the bad ones
    found = consensus(columns)
    votes = (columns[:, :, None] == np.arange(K)).sum(axis=1).argmax(axis=1)
    assert (found.label == true)[500:].mean() > (votes == true)[500:].mean() + 0.08
    np.testing.assert_allclose(found.accuracy, [0.97, 0.5, 0.5, 0.97, 0.97], atol=0.05)
    assert found.num_labels.tolist() == [1000, 1000, 1000, 500, 500]
    right = found.label == true
    assert found.quality.mean() == pytest.approx(right.mean(), abs=0.02)
    assert found.quality[right].mean() > found.quality[~right].mean() + 0.05


def test_agreement_with_the_others_by_hand() -> None:
    """Ann's only label alone is compared with nobody."""
    columns = np.repeat([[0, 0, 0], [1, 1, 1], [1, 0, 0], [1, -1, -1]], [45, 50, 5, 1], axis=0)
    found = consensus(columns, 2)
    assert found.agreement.tolist() == [0.95, 1.0, 1.0]
    lone = consensus(np.repeat([[0, 0, -1], [1, 1, -1], [-1, -1, 0]], 3, axis=0), 2)
    assert np.isnan(lone.agreement[2]) and not lone.suspicious


def test_names_rows_in_any_order_and_rows_given_twice() -> None:
    _, columns = crowd([0.9, 0.8, 0.7], count=50)
    one = consensus(columns)
    example, person, label = from_columns(columns, names=["c", "a", "b"])
    order = np.random.default_rng(0).permutation(np.r_[: len(label), :20])
    table = (example[order], person[order], label[order])
    other = estimate(*table, num_examples=50, num_classes=K)
    assert other.annotators == ["a", "b", "c"] and one.annotators == [0, 1, 2]
    np.testing.assert_allclose(other.posterior, one.posterior)
    np.testing.assert_allclose(other.confusion, one.confusion[[1, 2, 0]])
    assert other.num_labels.tolist() == [50] * 3


def test_a_model_counts_as_far_as_it_knows_something() -> None:
    true, columns = crowd([0.7, 0.7])
    alone = consensus(columns)
    rng = np.random.default_rng(1)
    noise = rng.dirichlet(np.ones(K), size=len(true))
    useless = consensus(columns, probabilities=noise)
    assert useless.model_weight <= 0.1
    assert (useless.label == true).mean() > (alone.label == true).mean() - 0.02
    good = 0.3 * noise + 0.7 * np.eye(K)[np.where(rng.random(len(true)) < 0.9, true, 0)]
    helped = consensus(columns, probabilities=good)
    assert helped.model_weight > 0.5
    assert (helped.label == true).mean() > (alone.label == true).mean() + 0.1
    good[:] = np.nan
    silent = consensus(columns, probabilities=good)
    assert (silent.label == alone.label).mean() > 0.95


def test_a_model_tells_which_of_two_people_is_bad() -> None:
    true, columns = crowd([0.9, 0.45])
    assert consensus(columns).suspicious == []
    model = np.full([len(true), K], 0.05) + 0.8 * np.eye(K)[crowd([0.85])[1][:, 0]]
    (found,) = consensus(columns, probabilities=model).suspicious
    assert (found.annotator, found.kind, found.classes) == (1, "inaccurate", None)
    assert found.value < 0.55 < 0.75 < found.expected


@pytest.mark.parametrize("seed", range(5))
def test_bad_people_are_suspected_and_good_ones_are_not(seed: int) -> None:
    _, columns = crowd([0.9, 0.85, 0.8, 0.9], seed=seed)
    assert consensus(columns).suspicious == []
    rng = np.random.default_rng(seed)
    guessing, swapping, calling = columns.copy(), columns.copy(), columns.copy()
    guessed = rng.random(len(columns)) < 0.4
    guessing[guessed, 0] = rng.integers(K, size=guessed.sum())
    assert [one[:3] for one in consensus(guessing).suspicious] == [(0, "inaccurate", None)]
    swapping[:, 1] = np.array([0, 2, 1, 3])[columns[:, 1]]
    found = consensus(swapping).suspicious
    assert {one.annotator for one in found} == {1}
    assert {one.classes for one in found} >= {(1, 2), (2, 1)}
    calling[:, 2] = np.array([0, 1, 2, 0])[columns[:, 2]]
    one = next(one for one in consensus(calling).suspicious if one.kind == "confuses")
    assert (one.annotator, one.classes) == (2, (3, 0))
    assert one.value > 0.7 > 0.2 > one.expected


def test_few_labels_prove_nothing() -> None:
    _, columns = crowd([0.9, 0.9, 0.9])
    columns[4:, 2] = annotators.MISSING
    columns[:4, 2] = (columns[:4, 0] + 1) % K
    found = consensus(columns)
    assert found.agreement[2] < 0.5 and found.suspicious == []


GOOD: dict[str, Any] = {
    "example": [0, 0, 1, 1],
    "annotator": ["ann", "bob", "ann", "bob"],
    "label": [0, 0, 1, 1],
    "num_examples": 2,
    "num_classes": 2,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": [0, 0, 1]}, r"got shapes \(4,\), \(4,\) and \(3,\)"),
        ({"label": [0, 0, 1, 2]}, r"row 3 has the label 2, which is not in \[0, 2\)"),
        ({"label": [0, -1, 1, 1]}, "row 1 has the label -1, .*rows without a label are left out"),
        ({"label": [0, 0, np.nan, 1]}, "row 2 has no label"),
        ({"label": [0, 0, 0.5, 1]}, "expected integers as labels, got float64"),
        ({"example": [0, 0, 1, 2]}, r"row 3 has the example 2, which is not in \[0, 2\)"),
        ({"num_examples": 4}, r"example 2 has no label \(2 have none\)"),
        ({"annotator": ["ann", " ", "ann", "bob"]}, "row 1 does not say whose label it is"),
        ({"annotator": [1.0, 2.0, np.nan, 2.0]}, "row 2 does not say whose label it is"),
        ({"annotator": np.array(["ann", "bob", "ann", None])}, "row 3 does not say"),
        ({"annotator": ["ann"] * 4}, "at least 2 people, got 1"),
        ({"example": [0, 0, 1, 1], "annotator": ["b", "a", "b", "b"], "label": [0, 0, 0, 1]},
         "annotator b labels example 1 twice, as 0 and as 1"),
        ({"num_classes": 1}, "at least 2 classes, got 1"),
        ({"probabilities": [[0.5, 0.5]]}, r"expected probabilities \[2, 2\], got shape \(1, 2\)"),
        ({"probabilities": [[0.5, 0.9], [0.5, 0.5]]}, "sum to 1"),
    ],
)  # fmt: skip
def test_bad_tables(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        estimate(**{**GOOD, **change})


def test_bad_columns() -> None:
    with pytest.raises(ValueError, match=r"expected integers \[n, J\], got float64"):
        from_columns([[0.0, 1.0]])
    with pytest.raises(ValueError, match="expected 2 names of annotators, got 3"):
        from_columns([[0, 1]], names=["a", "b", "c"])
