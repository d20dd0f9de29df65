"""Distance to class means: by hand, wrong labels, classes of one image, the fence."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ieg.audit import find_outliers


def test_the_score_by_hand() -> None:
    """Without itself the class of the first row has the direction of the second, (0.6, 0.8)."""
    found = find_outliers(np.array([[2, 0], [3, 4], [0, 5]], np.float16), ["a", "a", "b"])
    # Row 1 is nearer to (0, 1) than to (1, 0); row 2, alone in b, to the mean (1.6, 0.8) of a.
    assert found.score == pytest.approx([0.4, 0.2, 1 - 0.8 / np.hypot(1.6, 0.8)], abs=1e-3)


def test_the_threshold_by_hand() -> None:
    angles = np.deg2rad([0, 1, 2, 3, 60])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = find_outliers(rows, [0] * 5, fence=2)
    low, high = np.sort(found.score)[[1, 3]]  # quartiles of five
    assert found.threshold == pytest.approx(high + 2 * (high - low))
    assert found.outlier.tolist() == [False, False, False, False, True]


def photographs(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 4
    rows = 3 * np.eye(64)[labels] + rng.normal(size=[count, 64]) * 0.2
    return np.abs(rows).astype(np.float32), labels


def test_outliers_that_resemble_each_other_are_found_and_wrong_labels_are_not() -> None:
    rows, labels = photographs(800)
    rng = np.random.default_rng(1)
    alike = np.abs(3 * np.eye(64)[[40] * 30] + rng.normal(size=[30, 64]) * 0.2)
    labels[:160] = (labels[:160] + 1) % 4
    everything = np.concatenate([rows, alike]).astype(np.float32)
    found = find_outliers(everything, np.concatenate([labels, rng.integers(4, size=30)]))
    assert found.outlier[800:].all()
    assert found.outlier[:800].mean() < 0.03
    assert found.outlier[:160].mean() < 0.03


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = photographs(200)
    whole = find_outliers(rows, labels)
    monkeypatch.setattr("ieg.audit.outliers._BLOCK", 7)
    np.testing.assert_allclose(find_outliers(rows, labels).score, whole.score, atol=1e-12)


def test_an_unreadable_image_of_zeros_is_an_outlier_and_arguments_are_checked() -> None:
    rows, labels = photographs(40)
    rows[3] = 0
    found = find_outliers(rows, labels)
    assert found.outlier[3] and found.score[3] == 1
    assert find_outliers(rows[:0], labels[:0]).threshold == 2
    with pytest.raises(ValueError, match="labels \\[n\\], got \\(40, 64\\) and \\(39,\\)"):
        find_outliers(rows, labels[:-1])
    with pytest.raises(ValueError, match="fence of at least 0, got -1"):
        find_outliers(rows, labels, fence=-1)
    rows[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        find_outliers(rows, labels)
