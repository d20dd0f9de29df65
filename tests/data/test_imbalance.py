"""Long tails: class sizes worked out by hand, and which examples stay."""

import re

import numpy as np
import pytest

from ieg.data.imbalance import exponential_counts, first_of_each, step_counts, thin_out
from ieg.errors import InputError


@pytest.mark.parametrize(
    ("largest", "factor", "num_classes", "expected"),
    [
        (100, 0.01, 3, [100, 10, 1]),
        (100, 0.1, 3, [100, 31, 10]),  # 100 · 0.1^(1/2) = 31.6
        (1000, 0.125, 4, [1000, 500, 250, 125]),
        (7, 0.5, 2, [7, 3]),
        (9, 1.0, 4, [9, 9, 9, 9]),
    ],
)
def test_exponential_counts_by_hand(
    largest: int, factor: float, num_classes: int, expected: list[int]
) -> None:
    np.testing.assert_array_equal(exponential_counts(largest, factor, num_classes), expected)


@pytest.mark.parametrize(
    ("largest", "factor", "num_classes", "expected"),
    [
        (100, 0.01, 4, [100, 100, 1, 1]),
        (100, 0.255, 2, [100, 25]),
        (100, 0.1, 5, [100, 100, 10, 10, 10]),
        (9, 1.0, 3, [9, 9, 9]),
    ],
)
def test_step_counts_by_hand(
    largest: int, factor: float, num_classes: int, expected: list[int]
) -> None:
    np.testing.assert_array_equal(step_counts(largest, factor, num_classes), expected)


# Classes of 40, 20 and 30 examples, in mixed order: the head can take 20 at most.
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [40, 20, 30]))
EVERYTHING = np.arange(len(LABELS))


def thin(factor: float, in_use: np.ndarray = EVERYTHING, seed: int = 1) -> np.ndarray:
    return thin_out(LABELS, in_use, factor, num_classes=3, seed=seed)


def test_class_sizes_fall_from_the_size_of_the_smallest_class() -> None:
    np.testing.assert_array_equal(np.bincount(LABELS[thin(0.25)]), [20, 10, 5])


def test_a_step_has_two_class_sizes() -> None:
    kept = thin_out(LABELS, EVERYTHING, 0.25, profile="imbalstep", num_classes=3, seed=1)
    np.testing.assert_array_equal(np.bincount(LABELS[kept]), [20, 5, 5])


def test_counts_are_taken_of_each_class_as_far_as_there_are_examples() -> None:
    kept = first_of_each(LABELS, EVERYTHING, np.array([3, 50, 0]), seed=1)
    np.testing.assert_array_equal(np.bincount(LABELS[kept], minlength=3), [3, 20, 0])


def test_only_examples_in_use_are_kept() -> None:
    even = EVERYTHING[::2]
    largest = np.bincount(LABELS[even]).min()
    thinned = thin(0.25, even)
    assert np.isin(thinned, even).all()
    np.testing.assert_array_equal(
        np.bincount(LABELS[thinned]), exponential_counts(largest, 0.25, 3)
    )


def test_indices_ascend_and_none_is_repeated() -> None:
    assert (np.diff(thin(0.25)) > 0).all()


def test_the_seed_alone_says_which_examples_stay() -> None:
    np.testing.assert_array_equal(thin(0.25), thin(0.25))
    assert not np.array_equal(thin(0.25), thin(0.25, seed=2))


def test_a_longer_tail_is_a_part_of_a_shorter_one() -> None:
    assert np.isin(thin(0.1), thin(0.25)).all()


def test_the_order_in_which_examples_are_listed_does_not_matter() -> None:
    np.testing.assert_array_equal(thin(0.25), thin(0.25, EVERYTHING[::-1]))


@pytest.mark.parametrize(("largest", "smallest_factor"), [(20, "0.05"), (19, "0.0527")])
def test_a_class_left_empty_is_refused_with_a_factor_that_works(
    largest: int, smallest_factor: str
) -> None:
    kept = np.concatenate([np.flatnonzero(LABELS != 1), np.flatnonzero(LABELS == 1)[:largest]])
    with pytest.raises(
        InputError,
        match=f"^imbalance factor 0.001 leaves class 1 without an image: class 0 keeps {largest}, "
        f"so the smallest factor that works is {re.escape(smallest_factor)}$",
    ):
        thin(0.001, kept)
    assert np.bincount(LABELS[thin(float(smallest_factor), kept)]).min() == 1
