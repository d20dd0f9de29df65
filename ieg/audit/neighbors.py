"""Nearest rows by cosine of features, exact for few rows and by an index for many.

Up to some tens of thousands of rows all pairs are compared, block by block. For more an index
narrows the search down: rows are projected onto their leading principal directions and sorted into
cells by k-means; a query looks into the cells nearest to it, and the best rows that it finds there
are compared again by all features. Rows may be memory-mapped: they are read in blocks.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.floating]

#: Pairs of rows up to which all are compared: (30,000)², 20 seconds of CPU for 1,280 features.
EXACT_PAIRS = 30_000**2

_BLOCK = 2048  # rows at once
_SCORES_AT_ONCE = 1 << 24  # of a matrix of scores, 64 MB

# The index. Recall of the nearest row was at least 0.95 with these, see `benchmarks.audit`.
_DIRECTIONS = 128
_PROBES = 32  # cells that a query looks into
_CELLS_PER_ROOT = 2  # 2 √n cells
_SAMPLE_PER_CELL = 40  # rows that k-means sees
_SPARE = 14  # more candidates than neighbors, compared again by all features
_ITERATIONS = 10


class Neighbors(NamedTuple):
    """The k nearest rows of each of m queries, nearest first.

    Attributes:
      rows: [m, k] int64, numbers of the rows.
      cosine: [m, k] float32 in [-1, 1].
    """

    rows: IntArray
    cosine: FloatArray


def nearest(
    features: ArrayLike,
    k: int,
    *,
    queries: ArrayLike | None = None,
    exact_pairs: int = EXACT_PAIRS,
    seed: int = 0,
) -> Neighbors:
    """Find the nearest rows by cosine ⟨x, y⟩ / (‖x‖ ‖y‖), which is 0 for a row of zeros.

    Beside the result, memory is constant for exact search (about 100 MB for 1,280 features), and
    about 1.7 KB per row for the index.

    Args:
      features: [n, D] float16 or float32, such as a memory-mapped array.
      k: neighbors of each query, at least 1.
      queries: [m, D], whose neighbors among `features` are sought; None for the rows of `features`
        themselves, each without itself.
      exact_pairs: up to this many pairs n m are all compared, above it the index is used.
      seed: of the index.
    Returns:
      `Neighbors` [m, k], with fewer columns if there are fewer rows.
    Raises:
      ValueError: shapes or k are not as above, or a feature is not finite.

    >>> found = nearest(np.array([[1, 0], [2, 1], [3, 4], [0, 1]], np.float32), 2)
    >>> found.rows
    array([[1, 2],
           [0, 2],
           [1, 3],
           [2, 1]])
    >>> found.cosine[2].round(2)
    array([0.89, 0.8 ], dtype=float32)
    """
    rows = _matrix(features, "features")
    sought = rows if queries is None else _matrix(queries, "queries")
    if sought.shape[1] != rows.shape[1]:
        raise ValueError(
            f"expected queries with {rows.shape[1]} columns like the features, got "
            f"{sought.shape[1]}"
        )
    if k < 1:
        raise ValueError(f"expected k of at least 1, got {k}")
    own = None if queries is not None else np.arange(len(rows))
    # A row is the nearest one to itself, and is taken out at the end.
    k = min(k, len(rows) - (own is not None))
    wanted = k + (own is not None)
    if not len(sought) or k < 1:
        return Neighbors(np.zeros([len(sought), 0], np.int64), np.zeros([len(sought), 0], "f4"))
    if len(rows) * len(sought) <= exact_pairs:
        best = _exact(rows, sought, wanted)
    else:
        best = _Index(rows, seed).search(sought, wanted)
        few = np.flatnonzero((best.index < 0).any(axis=1))  # where cells were nearly empty
        rest = _exact(rows, sought[few], wanted)
        best.index[few], best.score[few] = rest.index, rest.score
    return best.neighbors(k, own)


class _Best:
    """The highest scores that each of m queries has been offered so far, in no order.

    Attributes:
      index: [m, k] int64, -1 where nothing has been offered yet.
      score: [m, k] float32, -inf there.
    """

    def __init__(self, count: int, k: int) -> None:
        self.index = np.full([count, k], -1, np.int64)
        self.score = np.full([count, k], -np.inf, np.float32)

    def offer(self, rows: slice | IntArray, index: IntArray, score: FloatArray) -> None:
        """Take the best of scores [r, c] of some queries; `index` [c] numbers the columns."""
        k = self.score.shape[1]
        places = _largest(score, k)
        scores = np.hstack([self.score[rows], np.take_along_axis(score, places, axis=1)])
        indices = np.hstack([self.index[rows], index[places]])
        kept = np.argpartition(scores, -k, axis=1)[:, -k:]
        self.score[rows] = np.take_along_axis(scores, kept, axis=1)
        self.index[rows] = np.take_along_axis(indices, kept, axis=1)

    def neighbors(self, k: int, own: IntArray | None) -> Neighbors:
        """The k best in order, without the query itself if `own` [m] has its number."""
        if own is not None:
            self.score[self.index == own[:, np.newaxis]] = -np.inf
        order = np.lexsort((self.index, -self.score), axis=1)[:, :k]
        cosine = np.take_along_axis(self.score, order, axis=1)
        return Neighbors(np.take_along_axis(self.index, order, axis=1), cosine.clip(-1, 1))


def _largest(scores: FloatArray, k: int) -> IntArray:
    """[r, min(k, c)] places of the largest of each row of [r, c], in no order.

    The k largest lie in the k groups of columns with the largest maxima: two short partitions in
    the place of a long one, which takes seven times as long.
    """
    width = scores.shape[1]
    if width <= k:
        return np.broadcast_to(np.arange(width), scores.shape)
    size = int(np.sqrt(width / k))
    count = width // size
    if size == 1:
        return np.argpartition(scores, -k, axis=1)[:, -k:]
    whole = scores[:, : size * count].reshape(-1, size, count)
    groups = np.argpartition(whole.max(axis=1), -k, axis=1)[:, -k:]  # [r, k]
    members = groups[:, np.newaxis] + count * np.arange(size)[:, np.newaxis]  # [r, size, k]
    rest = np.broadcast_to(np.arange(size * count, width), [len(scores), width - size * count])
    candidates = np.hstack([members.reshape(len(scores), -1), rest])
    among = np.take_along_axis(scores, candidates, axis=1)
    return np.take_along_axis(candidates, np.argpartition(among, -k, axis=1)[:, -k:], axis=1)


def _exact(rows: NDArray[np.floating], queries: NDArray[np.floating], k: int) -> _Best:
    """The best of all rows for each query; one product for both halves if these are the same."""
    best, same = _Best(len(queries), k), queries is rows
    for some in _blocks(len(queries)):
        left = _unit(queries[some])
        for others in _blocks(len(rows)):
            if same and others.start < some.start:
                continue
            score = left @ _unit(rows[others]).T
            best.offer(some, np.arange(others.start, others.stop), score)
            if same and others.start > some.start:
                numbers = np.arange(some.start, some.stop)
                best.offer(others, numbers, np.ascontiguousarray(score.T))
    return best


class _Index:
    """Inverted lists over k-means cells of projected rows."""

    def __init__(self, rows: NDArray[np.floating], seed: int) -> None:
        from sklearn.cluster import KMeans  # takes a second, which exact search does not wait for

        self.rows = rows
        cells = int(_CELLS_PER_ROOT * np.sqrt(len(rows)))
        rng = np.random.default_rng(seed)
        size = min(len(rows), _SAMPLE_PER_CELL * cells)
        sample = np.sort(rng.choice(len(rows), size, replace=False))
        self.center, self.directions = _principal(rows, sample)
        projected = self._project(rows[sample])
        means = KMeans(cells, init="random", n_init=1, max_iter=_ITERATIONS, random_state=seed).fit(
            projected
        )
        self.centers = means.cluster_centers_.astype(np.float32)  # [C, d]
        table = np.empty([len(rows), self.directions.shape[1]], np.float32)
        cell = np.empty(len(rows), np.int64)
        for some in _blocks(len(rows)):
            table[some] = self._project(rows[some])
            cell[some] = _closeness(table[some], self.centers).argmax(axis=1)
        #: Rows by cell: cell c has those in members[first[c] : first[c + 1]].
        self.members = np.argsort(cell, kind="stable")
        self.first = np.searchsorted(cell[self.members], np.arange(cells + 1))
        self.table = table

    def search(self, queries: NDArray[np.floating], k: int) -> _Best:
        """The best rows for each query by cosine, among those in its cells."""
        table = self.table
        if queries is not self.rows:
            table = np.concatenate([self._project(queries[some]) for some in _blocks(len(queries))])
        probes = min(_PROBES, len(self.centers))
        cells = np.concatenate(
            [
                _largest(_closeness(table[some], self.centers), probes).astype(np.int32)
                for some in _blocks(len(table))
            ]
        )
        order = np.argsort(cells, axis=None, kind="stable")
        first = np.searchsorted(cells.ravel()[order], np.arange(len(self.centers) + 1))
        found = _Best(len(queries), k + _SPARE)
        for c in range(len(self.centers)):
            self._look(table, order[first[c] : first[c + 1]] // probes, c, found)
        return self._compare(queries, found.index, cells[:, 0], k)

    def _look(self, table: FloatArray, asking: IntArray, cell: int, found: _Best) -> None:
        """Offer the rows of a cell to the queries that look into it."""
        members = self.members[self.first[cell] : self.first[cell + 1]]
        for others in _blocks(len(members)):
            rows = self.table[members[others]]
            for some in _blocks(len(asking), _SCORES_AT_ONCE // len(rows)):
                found.offer(asking[some], members[others], _closeness(table[asking[some]], rows))

    def _compare(
        self, queries: NDArray[np.floating], index: IntArray, cell: NDArray[np.int32], k: int
    ) -> _Best:
        """The best k of the candidates [m, c] of each query by all features.

        Queries of a cell share candidates, so they come together.
        """
        best = _Best(len(queries), k)
        order = np.argsort(cell, kind="stable")
        size = max(1, _SCORES_AT_ONCE // (index.shape[1] * queries.shape[1]))
        for some in _blocks(len(queries), size):
            asking = np.sort(order[some])
            numbers, places = np.unique(index[asking], return_inverse=True)
            rows = _unit(self.rows[numbers])[places.reshape(len(asking), -1)]  # [q, c, D]
            score = (rows @ _unit(queries[asking])[:, :, np.newaxis])[:, :, 0]
            score[index[asking] < 0] = -np.inf
            kept = np.argpartition(score, -k, axis=1)[:, -k:]
            best.score[asking] = np.take_along_axis(score, kept, axis=1)
            best.index[asking] = np.take_along_axis(index[asking], kept, axis=1)
        return best

    def _project(self, rows: NDArray[np.floating]) -> FloatArray:
        return (_unit(rows) - self.center) @ self.directions


def _principal(rows: NDArray[np.floating], sample: IntArray) -> tuple[FloatArray, FloatArray]:
    """Mean [D] and leading principal directions [D, d] of some unit rows."""
    depth = rows.shape[1]
    total, square = np.zeros(depth), np.zeros([depth, depth])
    for some in _blocks(len(sample)):
        unit = _unit(rows[sample[some]])
        total += unit.sum(axis=0)
        square += unit.T @ unit
    center = total / len(sample)
    covariance = square / len(sample) - np.outer(center, center)
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :_DIRECTIONS]
    return center.astype(np.float32), directions.astype(np.float32)


def _closeness(table: FloatArray, points: FloatArray) -> FloatArray:
    """[r, c] scores that fall with the distance of rows from points: ⟨x, p⟩ - ‖p‖² / 2."""
    return table @ points.T - (points**2).sum(axis=1) / 2


def _unit(rows: NDArray[np.floating]) -> FloatArray:
    wide = np.asarray(rows, np.float32)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    if not np.isfinite(length).all():
        raise ValueError("expected finite features, got nan or infinity")
    return wide / np.where(length > 0, length, 1)


def _blocks(count: int, size: int = _BLOCK) -> Iterator[slice]:
    return (slice(first, min(first + size, count)) for first in range(0, count, max(size, 1)))


def _matrix(values: ArrayLike, name: str) -> NDArray[np.floating]:
    rows = np.asanyarray(values)
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.floating):
        raise ValueError(f"expected {name} [n, D] of floats, got {rows.dtype} {rows.shape}")
    return rows
