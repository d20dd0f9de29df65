"""Class sizes and transition matrices against the recorded values of the published code."""

import numpy as np
import pytest

from ieg.data import imbalance, noise
from ieg.data.cifar import CIFAR10
from ieg.data.sources import cifar


@pytest.mark.parametrize("profile", ["exp", "step"])
def test_class_sizes(reference, profile: str) -> None:
    arrays = reference("dro_lt")
    counts = imbalance.PROFILES[{"exp": "imbal", "step": "imbalstep"}[profile]]
    combinations = arrays["count_combos_K_nmax_factor"]
    assert len(combinations) > 0
    for i, (num_classes, largest, factor) in enumerate(combinations.tolist()):
        actual = counts(int(largest), factor, int(num_classes))
        np.testing.assert_array_equal(actual, arrays[f"counts_{profile}_{i}"])


def test_subsample_sizes(reference) -> None:
    # Which examples stay is drawn by our own keys, not by NumPy's legacy generator: the published
    # indices cannot be compared, how many of each class can.
    arrays = reference("dro_lt")
    labels, counts = arrays["subsample_labels"], arrays["subsample_counts"]
    kept = imbalance.first_of_each(labels, np.arange(len(labels)), counts, seed=0)
    np.testing.assert_array_equal(np.bincount(labels[kept], minlength=len(counts)), counts)
    np.testing.assert_array_equal(np.sort(labels[kept]), np.sort(arrays["subsample_targets"]))
    assert len(kept) == len(set(kept)) == len(arrays["subsample_indices"])


# The published code calls symmetric what is uniform here: the true class may be drawn.
@pytest.mark.parametrize(
    ("kind", "key"), [("uniform", "E_sym"), ("asymmetric", "E_asym"), ("prior", "E_sym_longtail")]
)
def test_transition_matrices(reference, kind: str, key: str) -> None:
    arrays = reference("dynamic_loss")
    classes = noise.describe(
        CIFAR10.num_classes, confusion=cifar.CONFUSION_10, sizes=arrays["E_counts"], seed=0
    )
    actual = noise.REGISTRY.get(kind).expected(float(arrays["E_eta"]), classes)
    np.testing.assert_allclose(actual, arrays[key], rtol=0, atol=1e-12)
