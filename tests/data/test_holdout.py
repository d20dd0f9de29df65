"""Examples taken out of the training set: as many of each class as was asked for, clean, seeded."""

import re

import numpy as np
import pytest

from ieg.data.holdout import Fold, probe_set, validation_set, without_fold
from ieg.errors import InputError

# Classes of 30, 50 and 20 examples in mixed order.
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [30, 50, 20]))
EVERYTHING = np.arange(len(LABELS))


def probe(ratio: float, in_use: np.ndarray = EVERYTHING, seed: int = 1) -> np.ndarray:
    return probe_set(LABELS, in_use, ratio, num_classes=3, seed=seed)


def validation(ratio: float, seed: int = 1) -> np.ndarray:
    return validation_set(LABELS, ratio, num_classes=3, seed=seed)


@pytest.mark.parametrize(("ratio", "per_class"), [(0.03, 1), (0.15, 5), (0.179, 5), (0.59, 19)])
def test_probe_takes_the_same_number_of_every_class(ratio: float, per_class: int) -> None:
    chosen = probe(ratio)
    assert chosen.shape == (3, per_class)
    np.testing.assert_array_equal(LABELS[chosen], np.repeat([[0], [1], [2]], per_class, axis=1))
    assert len(np.unique(chosen)) == chosen.size


def test_probe_is_a_share_of_the_examples_in_use_and_taken_from_them() -> None:
    in_use = EVERYTHING[20:]
    chosen = probe(0.15, in_use)  # floor(80 · 0.15) = 12
    assert chosen.shape == (3, 4)
    assert np.isin(chosen, in_use).all()


def test_the_seed_alone_says_which_examples_are_probe_data() -> None:
    np.testing.assert_array_equal(probe(0.15), probe(0.15))
    assert not np.array_equal(probe(0.15), probe(0.15, seed=2))
    np.testing.assert_array_equal(probe(0.15), probe(0.15, EVERYTHING[::-1]))


def test_a_probe_below_one_example_a_class_is_refused_with_the_smallest_ratio() -> None:
    with pytest.raises(
        InputError,
        match=r"^`probe_dataset_hold_ratio=0.02`: of 100 training images this is 2, less than one "
        r"for each of 3 classes; the smallest ratio that works is 0\.03$",
    ):
        probe(0.02)


@pytest.mark.parametrize("size", [97, 91, 73, 61])
def test_the_smallest_ratio_of_the_message_works(size: int) -> None:
    in_use = EVERYTHING[:size]
    with pytest.raises(InputError, match="the smallest ratio that works") as raised:
        probe(0.001, in_use)
    smallest = float(re.findall(r"[\d.]+", str(raised.value))[-1])
    assert probe(smallest, in_use).shape == (3, 1)
    with pytest.raises(InputError):
        probe(smallest - 1.1e-4, in_use)


def test_a_probe_that_empties_a_class_is_refused_with_a_bound_that_works() -> None:
    with pytest.raises(
        InputError,
        match=r"^`probe_dataset_hold_ratio=0.6`: takes 20 images of every class for the probe set, "
        r"but class 2 has only 20, so that none is left to train on; a ratio below 0\.6 works$",
    ):
        probe(0.6)
    assert probe(0.5999).shape == (3, 19)


def test_a_class_with_a_single_example_allows_no_ratio() -> None:
    in_use = np.concatenate([np.flatnonzero(LABELS < 2), np.flatnonzero(LABELS == 2)[:1]])
    with pytest.raises(InputError, match=r"class 2 has only 1, .*; no ratio works$"):
        probe(0.1, in_use)


def test_validation_takes_its_share_of_every_class() -> None:
    chosen = validation(0.15)  # 4.5 rounds to the even 4, 7.5 to 8
    np.testing.assert_array_equal(np.bincount(LABELS[chosen]), [4, 8, 3])
    assert (np.diff(chosen) > 0).all()


def test_the_seed_alone_says_which_examples_are_for_validation() -> None:
    np.testing.assert_array_equal(validation(0.2), validation(0.2))
    assert not np.array_equal(validation(0.2), validation(0.2, seed=2))


def test_validation_and_probe_data_are_drawn_apart() -> None:
    # A shared order would make the first examples of each class both.
    assert not np.isin(probe(0.09), validation(0.2)).all()


@pytest.mark.parametrize("ratio", [0.01, 0.99])
def test_a_validation_split_that_empties_a_side_is_refused(ratio: float) -> None:
    with pytest.raises(
        InputError,
        match=f"^`validation_ratio={ratio}`: leaves a class without validation or training images; "
        "the smallest class has 20$",
    ):
        validation(ratio)


def test_a_class_without_any_example_gives_none() -> None:
    labels = np.repeat([0, 2], [20, 10])  # of three classes
    chosen = probe_set(labels, np.arange(30), 0.2, num_classes=3, seed=1)
    np.testing.assert_array_equal(labels[chosen], [[0] * 3, [2] * 3])
    held = validation_set(labels, 0.1, num_classes=3, seed=1)
    np.testing.assert_array_equal(np.bincount(labels[held]), [2, 0, 1])
    with pytest.raises(InputError, match="less than one for each of 2 classes"):
        probe_set(labels, np.arange(30), 0.04, num_classes=3, seed=1)


FEW = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


def test_each_example_is_held_out_by_one_fold() -> None:
    in_use = np.delete(np.arange(12), 3)
    parts = [without_fold(FEW, in_use, Fold(k, 3), num_classes=3, seed=4) for k in (1, 2, 3)]
    np.testing.assert_array_equal(np.sort(np.concatenate([held for _, held in parts])), in_use)
    for stays, held in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([stays, held])), in_use)
        assert len(held) in (3, 4)
        # Of 4, 3 and 4 examples of the classes each part has one or two.
        assert set(np.bincount(FEW[held], minlength=3)) <= {1, 2}


def test_folds_depend_on_the_seed_alone() -> None:
    def held(seed: int) -> list[int]:
        return without_fold(
            FEW, np.arange(12), Fold(1, 3), num_classes=3, seed=seed
        )[1].tolist()  # fmt: skip

    assert held(1) == held(1) and len({tuple(held(seed)) for seed in range(5)}) > 1


def test_folds_that_cannot_be_made() -> None:
    with pytest.raises(InputError, match="`audit_folds=13`: there are only 12 training images"):
        without_fold(FEW, np.arange(12), Fold(1, 13), num_classes=3, seed=1)
    with pytest.raises(InputError, match="class number 1 has a single training image"):
        without_fold(FEW, np.arange(6), Fold(1, 2), num_classes=3, seed=1)
