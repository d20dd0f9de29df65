"""Nearest rows: by hand, against all pairs at once, and by the index."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ieg.audit import neighbors
from ieg.audit.neighbors import nearest


def by_sorting(rows: NDArray[np.floating], queries: NDArray[np.floating]) -> NDArray[np.float64]:
    """[m, n] cosines, falling."""
    wide, asked = rows.astype(np.float64), queries.astype(np.float64)
    cosine = asked @ wide.T / np.linalg.norm(asked, axis=1)[:, np.newaxis]
    return -np.sort(-cosine / np.linalg.norm(wide, axis=1), axis=1)


def clustered(count: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=[count // 20, 16])
    rows = centers[rng.integers(len(centers), size=count)] + 0.3 * rng.normal(size=[count, 16])
    return np.maximum(rows @ rng.normal(size=[16, 160]), 0).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_blocks_find_what_a_sort_of_all_pairs_finds(
    monkeypatch: pytest.MonkeyPatch, dtype: type
) -> None:
    monkeypatch.setattr(neighbors, "_BLOCK", 64)
    rows = np.random.default_rng(0).normal(size=[300, 7]).astype(dtype)
    found = nearest(rows, 12)
    expected = by_sorting(rows, rows)[:, 1:13]  # without the row itself
    np.testing.assert_allclose(found.cosine, expected, atol=1e-5)
    assert not (found.rows == np.arange(300)[:, np.newaxis]).any()
    unit = rows / np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True)
    of_rows = (unit[:, np.newaxis] * unit[found.rows]).sum(axis=2)
    np.testing.assert_allclose(of_rows, found.cosine, atol=5e-3)
    asked = nearest(rows, 3, queries=rows[40:50])
    assert asked.rows[:, 0].tolist() == list(range(40, 50))


def test_groups_of_columns_keep_the_largest() -> None:
    rng = np.random.default_rng(1)
    for width, k in ((1000, 10), (37, 3), (5, 5), (4, 9), (131, 60)):
        scores = rng.permuted(np.tile(np.arange(width, dtype=np.float32), [20, 1]), axis=1)
        places = neighbors._largest(scores, k)
        found = np.sort(np.take_along_axis(scores, places, axis=1), axis=1)
        assert found.tolist() == [list(range(max(0, width - k), width))] * 20


def test_the_index_finds_nearly_all_and_its_cosines_are_right(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", clustered(6000).astype(np.float16))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    exact, found = nearest(rows, 5), nearest(rows, 5, exact_pairs=0)
    assert (found.cosine[:, 0] >= exact.cosine[:, 0] - 1e-5).mean() > 0.97
    assert (found.cosine <= exact.cosine + 1e-5).all()
    assert (np.diff(found.cosine, axis=1) <= 0).all()
    assert not (found.rows == np.arange(6000)[:, np.newaxis]).any()
    again = nearest(rows, 5, queries=rows[:50], exact_pairs=0)
    assert (again.rows[:, 0] == np.arange(50)).mean() > 0.97


def test_queries_whose_cells_are_nearly_empty_are_compared_with_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbors, "_PROBES", 1)
    rows = np.concatenate([clustered(500), np.eye(160, dtype=np.float32)[:20]])
    found = nearest(rows, 30, exact_pairs=0)
    assert found.rows.min() >= 0 and np.isfinite(found.cosine).all()
    assert all(len(set(row)) == 30 for row in found.rows.tolist())


def test_few_rows_rows_of_zeros_and_wrong_arguments() -> None:
    rows = np.array([[3, 4], [0, 0], [4, 3]], np.float16)
    found = nearest(rows, 9)
    assert found.rows.shape == (3, 2) and found.rows[0].tolist() == [2, 1]
    np.testing.assert_allclose(found.cosine, [[0.96, 0], [0, 0], [0.96, 0]], atol=1e-6)
    assert nearest(rows[:1], 5).rows.shape == (1, 0)
    assert nearest(rows, 5, queries=rows[:0]).rows.shape == (0, 0)
    with pytest.raises(ValueError, match="2 columns"):
        nearest(rows, 1, queries=np.zeros([1, 3], np.float32))
    with pytest.raises(ValueError, match="k of at least 1, got 0"):
        nearest(rows, 0)
    with pytest.raises(ValueError, match="floats, got int64"):
        nearest(np.zeros([3, 2], np.int64), 1)
    with pytest.raises(ValueError, match="finite"):
        nearest(np.array([[1, np.inf]], np.float16), 1, queries=rows)
