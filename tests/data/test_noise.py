"""Label noise: hand-made draws, rates, and what a report counts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ieg.data import noise
from ieg.errors import InputError

CONFUSION = np.array([0, 2, 3, 1, 1])  # class 0 is mistaken for none
SUPERCLASS = np.array([0, 1, 0, 1, 1])
LABELS = np.arange(20_000) % 5
EVERYTHING = np.arange(len(LABELS))


def five_classes(
    *, rank: Sequence[float] = (0.5, 0.4, 0.3, 0.2, 0.1), **changes: Any
) -> noise.Classes:
    known = {"count": 5, "confusion": CONFUSION, "superclass": SUPERCLASS, "rank": np.array(rank)}
    known["share"] = np.array([0.4, 0.3, 0.1, 0.2, 0.0])
    return noise.Classes(**(known | changes))


def apply(kind: str, labels: np.ndarray, ratio: float, **changes: Any) -> np.ndarray:
    """A noise type by name on hand-made or drawn numbers, five classes unless told."""
    numbers = np.random.default_rng(0).random((2, len(labels)))
    arguments = {"hit": numbers[0], "pick": numbers[1], "classes": five_classes()}
    return noise.REGISTRY.get(kind).corrupt(labels, ratio, **(arguments | changes))


def corrupt(
    labels: np.ndarray = LABELS,
    in_use: np.ndarray = EVERYTHING,
    *,
    kind: str | None = "uniform",
    ratio: float = 0.4,
    num_classes: int = 5,
    seed: int = 1,
) -> np.ndarray:
    known = {"confusion": CONFUSION, "superclass": SUPERCLASS} if num_classes == 5 else {}
    classes = noise.describe(num_classes, **known, seed=seed)
    return noise.corrupt(labels, in_use, kind=kind, ratio=ratio, classes=classes, seed=seed)


def test_uniform_by_hand() -> None:
    hit, pick = np.array([0.49, 0.5, 0.0, 0.2]), np.array([0.99, 0.0, 0.4, 0.19])
    # Hit: the first to class 4, the third to class 2 which is the true one, the last to class 0.
    noisy = apply("uniform", np.array([0, 1, 2, 3]), 0.5, hit=hit, pick=pick)
    np.testing.assert_array_equal(noisy, [4, 1, 2, 0])


def test_prior_by_hand() -> None:
    hit, pick = np.array([0.49, 0.5, 0.0, 0.2]), np.array([0.39, 0.0, 0.71, 0.99])
    # Classes end at 0.4, 0.7, 0.8 and 1: hits draw class 0 (the true one), 2 and 3.
    noisy = apply("prior", np.array([0, 1, 2, 0]), 0.5, hit=hit, pick=pick)
    np.testing.assert_array_equal(noisy, [0, 1, 2, 3])


def test_prior_noise_leaves_a_long_tail_as_it_is() -> None:
    sizes = np.array([5000, 3000, 1500, 500])
    labels = np.repeat(np.arange(4), sizes)
    classes = noise.describe(4, sizes=sizes, seed=0)
    given = noise.corrupt(
        labels, np.arange(10_000), kind="prior", ratio=0.4, classes=classes, seed=3
    )
    np.testing.assert_allclose(np.bincount(given), sizes, atol=150)
    wrong = [np.mean(given[labels == k] != k) for k in range(4)]
    np.testing.assert_allclose(wrong, 0.4 * (1 - sizes / 10_000), atol=0.05)


def test_symmetric_by_hand() -> None:
    hit, pick = np.array([0.9, 0.1, 0.5, 0.2]), np.array([0.5, 0.0, 0.5, 0.99])
    # The two lowest are hit: 1 moves on by one class of five, 3 by four.
    noisy = apply("symmetric", np.array([0, 1, 2, 3]), 0.5, hit=hit, pick=pick)
    np.testing.assert_array_equal(noisy, [0, 2, 2, 2])


def test_asymmetric_by_hand() -> None:
    hit = np.array([0.1, 0.29, 0.3, 0.0, 0.9])
    noisy = apply("asymmetric", np.array([0, 1, 2, 3, 4]), 0.3, hit=hit)
    np.testing.assert_array_equal(noisy, [0, 2, 2, 1, 4])


@pytest.mark.parametrize("num_classes", [2, 10])
@pytest.mark.parametrize("ratio", [0.2, 0.8])
def test_uniform_hits_the_true_class_too(ratio: float, num_classes: int) -> None:
    labels = np.arange(20_000) % num_classes
    noisy = corrupt(labels, kind="uniform", ratio=ratio, num_classes=num_classes)
    rate = ratio * (num_classes - 1) / num_classes
    sigma = np.sqrt(rate * (1 - rate) / len(labels))
    assert abs(np.mean(noisy != labels) - rate) < 4 * sigma


@pytest.mark.parametrize("kind", ["uniform", "symmetric"])
def test_wrong_labels_are_spread_evenly(kind: str) -> None:
    noisy = corrupt(kind=kind, ratio=0.5)
    counts = np.bincount((noisy - LABELS)[noisy != LABELS] % 5, minlength=5)[1:]
    share, total = 1 / 4, counts.sum()
    assert (abs(counts - share * total) < 4 * np.sqrt(total * share * (1 - share))).all()


@pytest.mark.parametrize(("ratio", "count"), [(0.1, 10), (0.125, 12), (0.999, 100), (0.004, 0)])
def test_symmetric_makes_an_exact_number_of_labels_wrong(ratio: float, count: int) -> None:
    labels = LABELS[:100]
    assert (apply("symmetric", labels, ratio) != labels).sum() == count


def test_asymmetric_rate_in_each_class() -> None:
    rates = noise.measure(LABELS, corrupt(kind="asymmetric", ratio=0.3), 5).transition
    expected = 0.7 * np.eye(5) + 0.3 * np.eye(5)[CONFUSION]
    np.testing.assert_allclose(rates, expected, atol=4 * np.sqrt(0.3 * 0.7 / 4000))
    assert ((rates > 0) == (expected > 0)).all()


def test_superpair_by_hand() -> None:
    labels = np.array([0, 1, 2, 3, 4, 4, 4, 3, 4, 1])
    hit = np.array([0.9, 0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.9, 0.3, 0.2])
    # The two of lowest rank: 0 and 2 of superclass 0, 3 and 4 of superclass 1; 1 is left alone.
    # Of four 4s and of two 3s half, those that are hit first; of a single 0 and 2 none.
    noisy = apply("superpair", labels, 0.5, hit=hit)
    np.testing.assert_array_equal(noisy, [0, 1, 2, 4, 4, 3, 3, 3, 4, 1])


def test_superpair_leaves_a_lonely_class_alone() -> None:
    classes = five_classes(superclass=np.array([0, 1, 1, 2, 2]))
    noisy = apply("superpair", np.arange(5), 1.0, classes=classes)
    np.testing.assert_array_equal(noisy, [0, 2, 1, 4, 3])


def test_superpair_moves_an_exact_number_between_two_of_five() -> None:
    labels, groups = np.arange(10_000) % 20, np.arange(20) % 4
    classes = noise.describe(20, superclass=groups, seed=3)
    noisy = noise.corrupt(
        labels, np.arange(10_000), kind="superpair", ratio=0.35, classes=classes, seed=3
    )
    report = noise.measure(labels, noisy, 20)
    assert report.measured == pytest.approx(0.4 * 0.35)
    for group in range(4):
        moved = (report.transition - np.diag(np.diag(report.transition)))[groups == group]
        assert sorted(moved.sum(axis=1)) == pytest.approx([0, 0, 0, 0.35, 0.35])
        assert not moved[:, groups != group].any()
    np.testing.assert_array_equal(np.bincount(noisy), np.bincount(labels))


def test_the_seed_decides_which_classes_are_paired() -> None:
    def wrong(seed: int) -> np.ndarray:
        return corrupt(kind="superpair", ratio=1.0, seed=seed) != LABELS

    paired = {tuple(sorted(set(LABELS[wrong(seed)]))) for seed in range(20)}
    assert len(paired) == 3  # of superclass {1, 3, 4}
    np.testing.assert_array_equal(wrong(1), wrong(1))


def test_asymmetric_noise_needs_a_confusion_map() -> None:
    classes = five_classes(confusion=None)
    with pytest.raises(InputError, match=r"^asymmetric noise needs a confusion map, which this"):
        apply("asymmetric", LABELS, 0.3, classes=classes)


def test_superpair_noise_needs_superclasses() -> None:
    classes = five_classes(superclass=None)
    with pytest.raises(InputError, match=r"^superpair noise needs superclasses, which this data"):
        apply("superpair", LABELS, 0.3, classes=classes)


@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_ratio_zero_changes_nothing(kind: str) -> None:
    np.testing.assert_array_equal(corrupt(kind=kind, ratio=0.0), LABELS)


def test_ratio_one_hits_every_example() -> None:
    pick = np.random.default_rng(1).random(len(LABELS))
    np.testing.assert_array_equal(apply("uniform", LABELS, 1.0, pick=pick), np.floor(5 * pick))
    assert (corrupt(kind="symmetric", ratio=1.0) != LABELS).all()
    np.testing.assert_array_equal(corrupt(kind="asymmetric", ratio=1.0), CONFUSION[LABELS])


@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_labels_stay_within_the_classes_and_keep_their_type(kind: str) -> None:
    noisy = corrupt(kind=kind, ratio=0.9)
    assert noisy.dtype == LABELS.dtype
    assert set(noisy) <= set(range(5))


def test_without_noise_labels_are_copied() -> None:
    given = corrupt(kind=None)
    np.testing.assert_array_equal(given, LABELS)
    assert given is not LABELS


def test_the_true_labels_are_left_as_they_are() -> None:
    labels = LABELS.copy()
    corrupt(labels, ratio=1.0)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_only_examples_in_use_are_hit(kind: str) -> None:
    noisy = corrupt(in_use=EVERYTHING[::2], kind=kind, ratio=1.0)
    np.testing.assert_array_equal(noisy[1::2], LABELS[1::2])
    assert (noisy != LABELS).any()


@pytest.mark.parametrize("kind", ["uniform", "asymmetric"])
def test_an_example_gets_the_same_label_whatever_else_is_in_use(kind: str) -> None:
    part = EVERYTHING[5000::3]
    np.testing.assert_array_equal(corrupt(in_use=part, kind=kind)[part], corrupt(kind=kind)[part])


@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_the_seed_alone_says_which_labels_are_wrong(kind: str) -> None:
    np.testing.assert_array_equal(corrupt(kind=kind), corrupt(kind=kind))
    assert not np.array_equal(corrupt(kind=kind), corrupt(kind=kind, seed=2))


def test_unknown_noise_is_refused_with_the_known_types() -> None:
    with pytest.raises(InputError, match=r"^unknown noise type 'unifrom'.*there are: asymmetric"):
        corrupt(kind="unifrom")


def test_a_report_by_hand() -> None:
    true, given = np.array([0, 0, 0, 0, 1, 3]), np.array([0, 0, 0, 2, 1, 1])
    report = noise.measure(true, given, 4, kind="some", asked=0.25, expected=np.eye(4))
    assert (report.kind, report.asked) == ("some", 0.25)
    np.testing.assert_array_equal(report.expected, np.eye(4))
    assert report.measured == pytest.approx(2 / 6)
    np.testing.assert_array_equal(
        report.transition, [[0.75, 0, 0.25, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    )


@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_rows_of_the_transition_matrix_sum_to_one(kind: str) -> None:
    report = noise.measure(LABELS, corrupt(kind=kind), 5)
    np.testing.assert_allclose(report.transition.sum(axis=1), 1)


def test_a_report_on_no_examples_counts_none_as_wrong() -> None:
    nothing = np.array([], np.int64)
    assert noise.measure(nothing, nothing, 2).measured == 0


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("uniform", np.full((5, 5), 0.12) + 0.4 * np.eye(5)),
        ("symmetric", np.full((5, 5), 0.15) + 0.25 * np.eye(5)),
        ("asymmetric", 0.4 * np.eye(5) + 0.6 * np.eye(5)[[0, 2, 3, 1, 1]]),
        ("pair", 0.4 * np.eye(5) + 0.6 * np.eye(5)[[1, 2, 3, 4, 0]]),
        ("prior", 0.4 * np.eye(5) + 0.6 * np.array([0.4, 0.3, 0.1, 0.2, 0.0])),
        ("superpair", 0.4 * np.eye(5) + 0.6 * np.eye(5)[[2, 1, 0, 4, 3]]),
    ],
)
def test_expected_transition_by_hand(kind: str, expected: np.ndarray) -> None:
    actual = noise.REGISTRY.get(kind).expected(0.6, five_classes())
    np.testing.assert_allclose(actual, expected, atol=1e-15)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_what_is_measured_is_what_is_expected(kind: str, ratio: float) -> None:
    classes = noise.describe(5, confusion=CONFUSION, superclass=SUPERCLASS, seed=1)
    measured = noise.measure(LABELS, corrupt(kind=kind, ratio=ratio), 5).transition
    expected = noise.REGISTRY.get(kind).expected(ratio, classes)
    np.testing.assert_allclose(measured, expected, atol=4 * np.sqrt(0.25 / 4000) * (ratio > 0))
    assert not measured[expected == 0].any()
