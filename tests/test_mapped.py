"""Arrays in files, and what reads large features in blocks, beside the same in memory."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg import mapped
from ieg.audit import evidence
from ieg.audit.channel import softmax
from ieg.errors import InputError
from ieg.features import CachedImages, Views, gaussian
from ieg.features.standardization import Standardization


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of more than 1,000 numbers are mapped, and read in blocks of about 100."""
    monkeypatch.setattr(mapped, "CELLS", 1000)
    monkeypatch.setattr(mapped, "BLOCK_CELLS", 100)


def _blobs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [400, 6] float16, given labels of three classes, and the true ones."""
    rng = np.random.default_rng(0)
    true = np.arange(400) % 3
    features = rng.normal(size=[400, 6]) + 4 * np.eye(6)[true]
    return features.astype(np.float16), np.where(np.arange(400) < 60, (true + 1) % 3, true), true


def test_large_zeros_lie_in_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not mapped.is_mapped(mapped.zeros([4, 5], np.float32, tmp_path, most=20))
    whole = mapped.zeros([3, 7], np.float32, tmp_path, most=20)
    assert mapped.is_mapped(whole) and whole.shape == (3, 7) and not whole.any()
    whole[1] = 5
    assert whole.sum() == 35 and not list(tmp_path.iterdir())
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="cannot keep 400 MB in a file in .*nowhere: No such"):
        mapped.zeros([100 << 20], np.float32, tmp_path / "nowhere")


@pytest.mark.usefixtures("small")
def test_a_mapped_table_gives_the_batches_of_one_in_memory() -> None:
    table = np.random.default_rng(1).random([300, 4, 2]).astype(np.float16)
    file = mapped.gathered([(table, np.arange(300))])
    assert mapped.is_mapped(file)
    rows, views = np.arange(299, -1, -2), Views(weak=2, strong=1)
    by = Standardization.of(table[:, 0], rows)
    one, other = (CachedImages(t, views, None, rows, by) for t in (table, file))
    index = tf.constant([7, 149, 0], tf.int32)
    draws = tf.constant([[0.1], [0.9], [0.5]])
    for look in ("training_view", "strong_view"):
        expected, *found = (
            tf.function(getattr(images.loader(), look))(index, draws) for images in (one, other)
        )
        np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(other.plain(), one.plain())


def test_features_in_blocks_have_the_head_of_those_in_memory(
    request: pytest.FixtureRequest,
) -> None:
    features, given, true = _blobs()
    probe = features[:30], true[:30]
    whole = gaussian.fit(features, given, 3, probe=probe)
    request.getfixturevalue("small")
    found = gaussian.fit(mapped.gathered([(features, np.arange(400))]), given, 3, probe=probe)
    # Shrinkage and rounds were weighed on a part of the examples.
    np.testing.assert_allclose(found.posterior, whole.posterior, atol=0.1)
    assert (found.score > 0.5).tolist() == (whole.score > 0.5).tolist()
    broken = features.copy()
    broken[333, 2] = np.nan
    with pytest.raises(InputError, match="nan or infinity in row 333"):
        gaussian.fit(broken, given, 3)


def test_regression_in_blocks_is_the_same(request: pytest.FixtureRequest) -> None:
    features, given, _ = _blobs()
    whole = gaussian.ScoreRegression(features.astype(np.float32))
    request.getfixturevalue("small")
    found = gaussian.ScoreRegression(features)
    assert mapped.is_mapped(found.projected)
    targets = np.eye(3)[given]
    one, other = (
        regression.left_out(
            targets, regression.coefficients(targets, 0.3), regression.leverages(0.3)
        )
        for regression in (whole, found)
    )
    np.testing.assert_allclose(other, one, atol=1e-5)


def test_evidence_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features, given, true = _blobs()
    logits = 2 * np.eye(3)[true]
    channel = np.full([3, 3], 0.1) + 0.7 * np.eye(3)
    whole = evidence.on_features(features, given, logits, softmax(logits), channel)
    monkeypatch.setattr(evidence, "_ROWS_CELLS", 100)
    found = evidence.on_features(features, given, logits, softmax(logits), channel)
    np.testing.assert_allclose(found.posterior, whole.posterior, atol=1e-6)
