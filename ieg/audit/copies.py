"""Groups of images that are copies of one photograph.

Exact copies have equal pixels. Near copies are found in two steps: the nearest images by features
and by small pictures are candidates, and a candidate counts if its small picture, mirrored or not,
correlates highly with the other after alignment (`ieg.audit.alignment`). Candidates alone would not
do: different photographs of one scene have features as close as those of a copy of half the size.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy  # whose parts are imported at their first use
from numpy.typing import ArrayLike, NDArray

from ieg.audit.alignment import aligned_correlation
from ieg.audit.neighbors import nearest

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.floating]

#: Least correlation of copies after alignment. Among 2,934 flowers (the train half, seeds 11 and 12
#: of `benchmarks.audit copies`) planted copies had at least 0.993; photographs that are no copies
#: 0.991 (one pair of meadows), 0.986 and 0.982.
LEAST_CORRELATION = 0.988
#: Least cosine of features: two horizons have little detail to tell them apart as small pictures.
LEAST_COSINE = 0.5

_BY_FEATURES, _BY_PIXELS = 10, 5  # candidates of an image
_COARSE = 16  # side in pixels of pictures by which candidates are found
#: Least correlation of coarse pictures before alignment: crops by 5 % had at least 0.72, and some
#: of CIFAR-10's known leaks 0.46.
_LEAST_COARSE = 0.45
_BLUR = 1.0  # standard deviation in pixels
_LEAST_CONTRAST = 2.0  # standard deviation of gray levels; blank pictures are no evidence
_BLOCK = 512  # pairs at once
_COARSE_BLOCK = 8192  # images or pairs at once


class CopyGroup(NamedTuple):
    """Images of which each is a copy of one of them, the reference.

    Attributes:
      rows: [m] int64, numbers of the images, ascending.
      reference: number of the image that has most copies among them.
      similarity: [m] float32, correlation with the reference after alignment; 1 for equal pixels.
      kind: "exact" if all have equal pixels, else "near".
      labels_differ: True if not all have the same label: one of them is wrong.
      leak: True if not all are in the same split.
    """

    rows: IntArray
    reference: int
    similarity: FloatArray
    kind: Literal["exact", "near"]
    labels_differ: bool
    leak: bool


def find_copies(
    features: ArrayLike,
    thumbnails: ArrayLike,
    *,
    digests: Sequence[bytes] | None = None,
    labels: ArrayLike | None = None,
    split: ArrayLike | None = None,
    least_correlation: float = LEAST_CORRELATION,
    least_cosine: float = LEAST_COSINE,
    seed: int = 0,
) -> list[CopyGroup]:
    """Find groups of images that are copies: crops, mirrored, rescaled, compressed, brightened.

    Found copies are no transitive closure: each image of a group has been compared with the
    reference, so that a chain of look-alikes does not become one group.

    Args:
      features: [n, D] float16 or float32 of a pretrained network, perhaps memory-mapped.
      thumbnails: [n, h, w] uint8, the whole images in gray, squeezed to h × w (32 to 48 pixels)
        by averaging.
      digests: n digests of decoded pixels, equal for exact copies; None to look for near ones only.
      labels: [n], compared for equality.
      split: [n], such as "train" and "test", compared for equality.
      least_correlation: of a copy with its reference, in (0, 1].
      least_cosine: of their features, in [-1, 1].
      seed: of the index of features, which more than 30,000 images need.
    Returns:
      groups of at least two images, disjoint: those whose labels differ first, then leaks between
      splits, then the rest; of equal rank the one with the first image.
    Raises:
      ValueError: lengths differ, or thumbnails are not as above.

    >>> rng = np.random.default_rng(0)
    >>> pictures = rng.integers(0, 256, [4, 32, 32], np.uint8)
    >>> pictures[3] = pictures[1, :, ::-1]
    >>> features = np.eye(4, dtype=np.float32)[[0, 1, 2, 1]]
    >>> [(g.rows.tolist(), g.kind) for g in find_copies(features, pictures)]
    [([1, 3], 'near')]
    """
    table, pictures = np.asanyarray(features), np.asarray(thumbnails)
    if pictures.ndim != 3 or pictures.dtype != np.uint8:
        raise ValueError(
            f"expected thumbnails [n, h, w] uint8, got {pictures.dtype} {pictures.shape}"
        )
    if min(pictures.shape[1:]) < _COARSE:
        raise ValueError(f"expected thumbnails of at least {_COARSE} pixels, got {pictures.shape}")
    count = len(pictures)
    given = {"features": table, "digests": digests, "labels": labels, "split": split}
    for name, values in given.items():
        if values is not None and len(np.asanyarray(values)) != count:
            raise ValueError(f"expected {name} of {count} images, got {len(np.asanyarray(values))}")
    first = _first_of_equal(digests, count)
    verifier = _Verifier(table, pictures, least_correlation, least_cosine)
    pairs = _candidates(table, verifier.coarse, first, seed)
    links = pairs[verifier(pairs) >= least_correlation]
    equal = _Equal(first)
    groups = [_group(star, equal, labels, split) for star in _stars(links, equal, verifier)]
    return sorted(groups, key=lambda g: (not g.labels_differ, not g.leak, g.rows[0]))


class _Star(NamedTuple):
    """A reference and its copies, all with different pixels.

    Attributes:
      rows: [m] ascending.
      similarity: [m].
      reference: one of `rows`.
    """

    rows: IntArray
    similarity: FloatArray
    reference: int


class _Verifier:
    """Correlation of pairs of images after alignment."""

    def __init__(
        self,
        features: NDArray[np.floating],
        pictures: NDArray[np.uint8],
        least_correlation: float,
        least_cosine: float,
    ) -> None:
        self.features, self.pictures = features, pictures
        self.least_correlation, self.least_cosine = least_correlation, least_cosine
        #: [n, _COARSE²] float16: mean 0, length 1.
        self.coarse = np.concatenate(
            [_coarse(pictures[some]) for some in _blocks(len(pictures), _COARSE_BLOCK)]
            or [np.zeros([0, _COARSE**2], np.float16)]
        )

    def __call__(self, pairs: IntArray) -> FloatArray:
        """[P] for pairs [P, 2]; -1 for those that a cheaper look excludes."""
        found = np.full(len(pairs), -1, np.float32)
        mirrored = np.zeros(len(pairs), bool)
        hopeful = np.zeros(len(pairs), bool)
        for some in _blocks(len(pairs), _COARSE_BLOCK):
            hopeful[some], mirrored[some] = self._look(pairs[some])
        rest = np.flatnonzero(hopeful)
        for some in _blocks(len(rest), _BLOCK):
            chosen = rest[some]
            one, other = (_blurred(self.pictures[pairs[chosen, side]]) for side in (0, 1))
            other[mirrored[chosen]] = other[mirrored[chosen], :, ::-1]
            found[chosen] = aligned_correlation(one, other)
        return found

    def _look(self, pairs: IntArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether pairs may be copies, and whether the second is rather a mirror image."""
        one, other = (self.coarse[pairs[:, side]].astype(np.float32) for side in (0, 1))
        turned = other.reshape(-1, _COARSE, _COARSE)[:, :, ::-1].reshape(other.shape)
        plain, mirrored = (one * other).sum(axis=1), (one * turned).sum(axis=1)
        hopeful = np.maximum(plain, mirrored) >= _LEAST_COARSE
        rest = np.flatnonzero(hopeful)
        hopeful[rest] = _cosine(self.features, pairs[rest]) >= self.least_cosine
        return hopeful, mirrored > plain


def _candidates(
    features: NDArray[np.floating], coarse: NDArray[np.float16], first: IntArray, seed: int
) -> IntArray:
    """[P, 2] pairs of images with different pixels that are near each other."""
    pairs = []
    for table, k in ((features, _BY_FEATURES), (coarse, _BY_PIXELS)):
        near = nearest(table, k, seed=seed).rows
        rows = np.broadcast_to(np.arange(len(near))[:, np.newaxis], near.shape)
        pairs.append(first[np.stack([rows, near], axis=-1).reshape(-1, 2)])
    both = np.sort(np.concatenate(pairs), axis=1)
    return np.unique(both[both[:, 0] < both[:, 1]], axis=0)


class _Equal:
    """Images with equal pixels, by the first of them."""

    def __init__(self, first: IntArray) -> None:
        self._order = np.argsort(first, kind="stable")
        self._sorted = first[self._order]

    def __getitem__(self, row: int) -> IntArray:
        """Numbers of all images that are equal to that first one, ascending."""
        start, stop = np.searchsorted(self._sorted, [row, row + 1])
        return self._order[start:stop]

    def repeated(self) -> IntArray:
        """The first images that have equals."""
        rows, sizes = np.unique(self._sorted, return_counts=True)
        return rows[sizes > 1]


def _stars(links: IntArray, equal: _Equal, verifier: _Verifier) -> Iterator[_Star]:
    """References with their copies from verified pairs [L, 2]; then images with equals alone."""
    rows, ends = np.unique(links, return_inverse=True)
    ends = ends.reshape(-1, 2)
    shape = (len(rows), len(rows))
    graph = scipy.sparse.coo_array(
        (np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=shape
    )
    component = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    degree = dict(zip(rows.tolist(), np.bincount(ends.ravel()).tolist(), strict=True))
    order = np.argsort(component, kind="stable")
    grouped = set[int]()
    for left in np.split(rows[order], np.flatnonzero(np.diff(component[order])) + 1):
        while len(left) > 1:
            star = _star(max(left.tolist(), key=degree.__getitem__), left, verifier)
            left = np.setdiff1d(left, star.rows)
            if len(star.rows) > 1:
                grouped.update(star.rows.tolist())
                yield star
    for row in equal.repeated().tolist():
        if row not in grouped:
            yield _Star(np.array([row]), np.ones(1, np.float32), row)


def _star(reference: int, among: IntArray, verifier: _Verifier) -> _Star:
    """The images among some that are copies of the reference."""
    pairs = np.stack([np.minimum(among, reference), np.maximum(among, reference)], axis=1)
    similarity = np.where(among == reference, np.float32(1), verifier(pairs))
    copies = similarity >= verifier.least_correlation
    return _Star(among[copies], similarity[copies], reference)


def _group(
    star: _Star, equal: _Equal, labels: ArrayLike | None, split: ArrayLike | None
) -> CopyGroup:
    """The group of a star, with all images of equal pixels."""
    parts = [equal[row] for row in star.rows.tolist()]
    rows = np.concatenate(parts)
    similarity = np.repeat(star.similarity, [len(part) for part in parts])
    order = np.argsort(rows)

    def differ(values: ArrayLike | None) -> bool:
        return values is not None and len(np.unique(np.asarray(values)[rows])) > 1

    return CopyGroup(
        rows[order],
        star.reference,
        similarity[order],
        "exact" if len(parts) == 1 else "near",
        differ(labels),
        differ(split),
    )


def _first_of_equal(digests: Sequence[bytes] | None, count: int) -> IntArray:
    """[n] number of the first image with equal pixels."""
    if digests is None:
        return np.arange(count)
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(digest, i) for i, digest in enumerate(digests)], np.int64)


def _coarse(pictures: NDArray[np.uint8]) -> NDArray[np.float16]:
    """[r, _COARSE²] averages less their mean, of length 1; zeros for blank pictures."""
    wide = pictures.astype(np.float32)
    for axis in (1, 2):
        wide = _averaged(wide, axis)
    wide = wide.reshape(len(wide), -1)
    wide -= wide.mean(axis=1, keepdims=True)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    shown = length >= _LEAST_CONTRAST * _COARSE
    return np.where(shown, wide / np.maximum(length, 1), 0).astype(np.float16)


def _averaged(values: FloatArray, axis: int) -> FloatArray:
    """Averages over _COARSE equal parts of an axis; a pixel on an edge counts for both by share."""
    side = values.shape[axis]
    edges = np.arange(_COARSE + 1) * side / _COARSE
    lines = np.moveaxis(values, axis, -1)
    share = np.minimum(edges[1:], np.arange(1, side + 1)[:, np.newaxis])
    share = np.clip(share - np.maximum(edges[:-1], np.arange(side)[:, np.newaxis]), 0, None)
    weights = (share * _COARSE / side).astype(np.float32)  # [side, _COARSE]
    return np.moveaxis(lines @ weights, -1, axis)


def _blurred(pictures: NDArray[np.uint8]) -> FloatArray:
    return scipy.ndimage.gaussian_filter(
        pictures.astype(np.float32), (0, _BLUR, _BLUR), mode="nearest"
    )


def _cosine(features: NDArray[np.floating], pairs: IntArray) -> FloatArray:
    one, other = (np.asarray(features[pairs[:, side]], np.float32) for side in (0, 1))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine: FloatArray = (one * other).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    return cosine


def _blocks(count: int, size: int) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, count, size))
