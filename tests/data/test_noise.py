"""Label noise: hand-made draws, rates, and what a report counts."""

import numpy as np
import pytest

from ieg.data import noise
from ieg.errors import InputError

CONFUSION = np.array([0, 2, 3, 1, 1])  # class 0 is mistaken for none
LABELS = np.arange(20_000) % 5
EVERYTHING = np.arange(len(LABELS))


def apply(kind: str, labels: np.ndarray, ratio: float, **changes: object) -> np.ndarray:
    """A noise type by name on hand-made or drawn numbers, five classes unless told."""
    numbers = np.random.default_rng(0).random((2, len(labels)))
    arguments = {"hit": numbers[0], "pick": numbers[1], "num_classes": 5, "confusion": CONFUSION}
    return noise.REGISTRY.get(kind)(labels, ratio, **(arguments | changes))


def corrupt(
    labels: np.ndarray = LABELS,
    kept: np.ndarray = EVERYTHING,
    *,
    kind: str | None = "uniform",
    ratio: float = 0.4,
    num_classes: int = 5,
    seed: int = 1,
) -> np.ndarray:
    return noise.corrupt(
        labels,
        kept,
        kind=kind,
        ratio=ratio,
        num_classes=num_classes,
        confusion=CONFUSION,
        seed=seed,
    )


def test_uniform_by_hand() -> None:
    hit, pick = np.array([0.49, 0.5, 0.0, 0.2]), np.array([0.99, 0.0, 0.4, 0.19])
    # Hit: the first to class 4, the third to class 2 which is the true one, the last to class 0.
    noisy = apply("uniform", np.array([0, 1, 2, 3]), 0.5, hit=hit, pick=pick)
    np.testing.assert_array_equal(noisy, [4, 1, 2, 0])


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
    rates = noise.measure(LABELS, corrupt(kind="asymmetric", ratio=0.3), 5, 0.3).transition
    expected = 0.7 * np.eye(5) + 0.3 * np.eye(5)[CONFUSION]
    np.testing.assert_allclose(rates, expected, atol=4 * np.sqrt(0.3 * 0.7 / 4000))
    assert ((rates > 0) == (expected > 0)).all()


def test_asymmetric_noise_needs_a_confusion_map() -> None:
    with pytest.raises(InputError, match=r"^asymmetric noise needs a confusion map, which this"):
        apply("asymmetric", LABELS, 0.3, confusion=None)


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
    noisy = corrupt(kept=EVERYTHING[::2], kind=kind, ratio=1.0)
    np.testing.assert_array_equal(noisy[1::2], LABELS[1::2])
    assert (noisy != LABELS).any()


@pytest.mark.parametrize("kind", ["uniform", "asymmetric"])
def test_an_example_gets_the_same_label_whatever_else_is_in_use(kind: str) -> None:
    part = EVERYTHING[5000::3]
    np.testing.assert_array_equal(corrupt(kept=part, kind=kind)[part], corrupt(kind=kind)[part])


@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_the_seed_alone_says_which_labels_are_wrong(kind: str) -> None:
    np.testing.assert_array_equal(corrupt(kind=kind), corrupt(kind=kind))
    assert not np.array_equal(corrupt(kind=kind), corrupt(kind=kind, seed=2))


def test_unknown_noise_is_refused_with_the_known_types() -> None:
    with pytest.raises(InputError, match=r"^unknown noise type 'unifrom'.*there are: asymmetric"):
        corrupt(kind="unifrom")


def test_a_report_by_hand() -> None:
    true, given = np.array([0, 0, 0, 0, 1, 3]), np.array([0, 0, 0, 2, 1, 1])
    report = noise.measure(true, given, 4, asked=0.25)
    assert report.asked == 0.25
    assert report.measured == pytest.approx(2 / 6)
    np.testing.assert_array_equal(
        report.transition, [[0.75, 0, 0.25, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    )


@pytest.mark.parametrize("kind", noise.REGISTRY.names())
def test_rows_of_the_transition_matrix_sum_to_one(kind: str) -> None:
    report = noise.measure(LABELS, corrupt(kind=kind), 5, 0.4)
    np.testing.assert_allclose(report.transition.sum(axis=1), 1)


def test_a_report_on_no_examples_counts_none_as_wrong() -> None:
    nothing = np.array([], np.int64)
    assert noise.measure(nothing, nothing, 2, 0.5).measured == 0
