"""A data set as a run sees it: what is held out, thinned out and corrupted, and in which order."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from ieg.data.dataset import Dataset
from ieg.data.dataset import prepare as prepare_settings
from ieg.data.imbalance import exponential_counts
from ieg.data.names import DatasetName
from ieg.data.settings import DataSettings
from ieg.data.sources import Source, SourceEntry, Split
from ieg.errors import InputError
from tests.datasets import prepare


def digits(suffix: str = "", *, seed: int = 1, probe_ratio: float = 0.0, **more: Any) -> Dataset:
    return prepare(f"digits{suffix}", seed=seed, probe_ratio=probe_ratio, **more)


def test_without_noise_or_probe_everything_is_as_it_is() -> None:
    data = digits()
    np.testing.assert_array_equal(data.train_indices, np.arange(1437))
    np.testing.assert_array_equal(data.given_labels, data.train.labels)
    assert data.probe_indices is None
    assert len(data.evaluation.labels) == 360
    assert (data.noise.asked, data.noise.measured) == (0, 0)
    assert data.num_classes == 10


def test_class_counts_are_of_given_labels_to_train_on() -> None:
    data = digits("_uniform_0.4", probe_ratio=0.05)
    counts = [(data.given_labels[data.train_indices] == k).sum() for k in range(10)]
    np.testing.assert_array_equal(data.class_counts, counts)


@pytest.mark.parametrize("suffix", ["_uniform_0.4", "_symmetric_0.4", "_imbal_0.5_0.4"])
def test_probe_examples_are_clean_balanced_and_not_trained_on(suffix: str) -> None:
    data = digits(suffix, probe_ratio=0.05)
    probe = data.probe_indices
    np.testing.assert_array_equal(data.train.labels[probe], np.indices(probe.shape)[0])
    np.testing.assert_array_equal(data.given_labels[probe], data.train.labels[probe])
    assert not np.isin(probe, data.train_indices).any()


def test_probe_is_taken_from_the_training_data() -> None:
    data = digits(probe_ratio=0.05)  # floor(1437 · 0.05) = 71
    assert data.probe_indices.shape == (10, 7)
    assert len(data.train_indices) == 1437 - 70


@pytest.mark.parametrize("suffix", ["_uniform_0.4", "_asymmetric_0.4", "_symmetric_0.4"])
def test_a_probe_leaves_the_labels_of_the_other_images_alone(suffix: str) -> None:
    # With symmetric noise this holds only when noise comes before the probe data are held out.
    whole, rest = digits(suffix), digits(suffix, probe_ratio=0.2)
    shared = rest.train_indices
    np.testing.assert_array_equal(rest.given_labels[shared], whole.given_labels[shared])
    held = rest.probe_indices
    assert (whole.given_labels[held] != whole.train.labels[held]).any()


@pytest.mark.parametrize("suffix", ["_uniform_0.4", "_asymmetric_0.4"])
def test_a_validation_split_leaves_the_labels_of_the_other_images_alone(suffix: str) -> None:
    whole, rest = digits(suffix), digits(suffix, eval_split="validation", probe_ratio=0.02)
    shared = rest.train_indices
    np.testing.assert_array_equal(rest.given_labels[shared], whole.given_labels[shared])


def test_a_long_tail_leaves_the_labels_of_the_other_images_alone() -> None:
    whole, tail = digits("_uniform_0.4"), digits("_imbal_0.1_0.4")
    shared = tail.train_indices
    np.testing.assert_array_equal(tail.given_labels[shared], whole.given_labels[shared])


def test_noise_hits_what_the_long_tail_leaves() -> None:
    data = digits("_imbal_0.1_0.9")
    dropped = np.setdiff1d(np.arange(1437), data.train_indices)
    np.testing.assert_array_equal(data.given_labels[dropped], data.train.labels[dropped])
    assert data.noise.measured > 0.7


def test_the_long_tail_is_cut_by_true_labels_before_the_probe_is_held_out() -> None:
    data = digits("_imbal_0.25_0.4", probe_ratio=0.05)
    probe = data.probe_indices.ravel()
    in_use = data.train.labels[np.concatenate([data.train_indices, probe])]
    smallest = np.bincount(data.train.labels).min()
    counts = exponential_counts(smallest, 0.25, 10)
    np.testing.assert_array_equal(np.bincount(in_use), counts)
    assert len(probe) == 10 * (int(counts.sum() * 0.05) // 10)


def test_the_validation_split_is_stratified_clean_and_not_trained_on() -> None:
    data = digits("_uniform_0.9", eval_split="validation", validation_ratio=0.2, probe_ratio=0.05)
    sizes = np.bincount(data.train.labels)
    np.testing.assert_array_equal(np.bincount(data.evaluation.labels), np.round(0.2 * sizes))
    used = {data.train.images[i].tobytes() for i in data.train_indices}
    used |= {data.train.images[i].tobytes() for i in data.probe_indices.ravel()}
    assert len(used) == 1437 - len(data.evaluation.labels)
    assert not used & {image.tobytes() for image in data.evaluation.images}


def test_validation_images_and_labels_belong_together() -> None:
    data = digits(eval_split="validation")
    label_of = {i.tobytes(): y for i, y in zip(data.train.images, data.train.labels, strict=True)}
    labels = [label_of[image.tobytes()] for image in data.evaluation.images]
    np.testing.assert_array_equal(data.evaluation.labels, labels)


def test_the_report_counts_the_examples_to_train_on() -> None:
    data = digits("_symmetric_0.5", probe_ratio=0.2)
    train = data.train_indices
    wrong = data.given_labels[train] != data.train.labels[train]
    assert data.noise.measured == pytest.approx(wrong.mean())
    assert data.noise.asked == 0.5
    np.testing.assert_allclose(data.noise.transition.sum(axis=1), 1)


def test_the_seed_decides_on_everything_that_is_drawn() -> None:
    first, same, other = (
        digits("_imbal_0.5_0.4", seed=seed, probe_ratio=0.05, eval_split="validation")
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.given_labels, same.given_labels)
    np.testing.assert_array_equal(first.train_indices, same.train_indices)
    np.testing.assert_array_equal(first.probe_indices, same.probe_indices)
    assert not np.array_equal(first.given_labels, other.given_labels)
    assert not np.array_equal(first.train_indices, other.train_indices)
    assert not np.array_equal(first.probe_indices, other.probe_indices)
    assert not np.array_equal(first.evaluation.images, other.evaluation.images)


def test_the_report_says_which_noise_and_what_to_expect_of_it() -> None:
    report = digits("_symmetric_0.45").noise
    assert report.kind == "symmetric"
    expected = 0.05 * np.ones((10, 10)) + 0.5 * np.eye(10)
    np.testing.assert_allclose(report.expected, expected, atol=1e-15)
    untouched = digits().noise
    assert (untouched.kind, untouched.expected) == (None, None)


def test_a_step_keeps_two_class_sizes() -> None:
    data = digits("_imbalstep_0.1_0.4")
    smallest = np.bincount(data.train.labels).min()
    sizes = np.bincount(data.train.labels[data.train_indices])
    np.testing.assert_array_equal(sizes, [smallest] * 5 + [int(0.1 * smallest)] * 5)
    assert data.noise.kind == "uniform"
    assert data.noise.measured == pytest.approx(0.36, abs=0.06)


def test_noise_that_the_data_set_cannot_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"superpair noise needs superclasses"):
        digits("_superpair_0.4")


def test_a_long_tail_that_empties_a_class_is_refused() -> None:
    with pytest.raises(InputError, match=r"imbalance factor 0.001 leaves class"):
        digits("_imbal_0.001")


def test_a_name_outside_the_grammar_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown noise type 'typo'"):
        digits("_typo_0.4")


def _source(which: str, **changes: Any) -> Source:
    """Six training and six test examples of three classes, one field of one split changed."""
    good = Split(np.zeros((6, 2), np.float32), np.arange(6) % 3, true_labels=np.arange(6) % 4 - 1)
    splits = {"train": good, "test": good, which: dataclasses.replace(good, **changes)}
    return Source(**splits, class_names=("a", "b", "c"), confusion=None, weak=None)


@pytest.mark.parametrize("which", ["train", "test"])
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"labels": [0] * 6}, r"labels must be a NumPy array, got list"),
        ({"labels": np.zeros(6)}, r"labels must be whole numbers \[N\], got float64 \[6\]"),
        ({"labels": np.eye(6, 3, dtype=int)}, r"labels must be .* got int64 \[6, 3\]"),
        ({"labels": np.zeros(5, int)}, "labels must be as many as the 6 examples, got 5"),
        ({"labels": np.arange(6) % 3 + 1}, r"labels must be in 0 .. 2 for 3 classes, got 3"),
        ({"labels": np.arange(6) % 3 - 1}, r"labels must be in 0 .. 2 for 3 classes, got -1"),
        ({"true_labels": np.full(6, -2)}, r"true_labels must be in -1 .. 2 .*, got -2"),
        ({"true_labels": np.zeros(7, int)}, "true_labels must be as many as the 6 .*, got 7"),
    ],
)
def test_labels_that_fit_neither_examples_nor_classes_are_refused(
    which: str, changes: dict[str, Any], found: str
) -> None:
    entry = SourceEntry(lambda request: _source(which, **changes))
    with pytest.raises(InputError, match=f"^`dataset=made_up`: {which}.{found}$"):
        prepare_settings(DataSettings("made_up"), seed=1, name=DatasetName("made_up"), entry=entry)


def test_labels_that_fit_are_taken_whatever_whole_numbers_they_are() -> None:
    for dtype in (np.int64, np.uint8):
        _source("train", labels=np.arange(6, dtype=dtype) % 3).check("made_up")
    _source("train", true_labels=None).check("made_up")
