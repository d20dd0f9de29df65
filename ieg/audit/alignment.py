"""Likeness of small pictures of which one may be a crop of the other.

The second picture is brought onto the first by a scale and a shift of each axis, found by
Gauss-Newton steps on the difference of pixels (Lucas and Kanade, "An Iterative Image Registration
Technique with an Application to Stereo Vision", IJCAI 1981), with brightness and contrast free.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

_FIRST_STEPS, _MORE_STEPS = 3, 6
#: Pairs below this after the first steps are left there: copies were above 0.97 by then.
_HOPELESS = 0.9
_LARGEST_SCALE = 1.3
_LEAST_OVERLAP = 0.6  # of the area of the first picture
_SCALE_STEP, _SHIFT_STEP = 0.05, 1.5  # longest steps, of a scale and of a shift in pixels
_DAMPING = 1e-4  # of the normal equations, relative to their mean diagonal
_LEAST_CONTRAST = 0.2  # of the second picture to the first, in a step
_TINY = 1e-6


class _Placed(NamedTuple):
    """Pictures [P, h, w] in the place of the first ones.

    Attributes:
      first, second: pixels less their means over the overlap, 0 outside of it.
      moved: pixels of the second.
      overlap: 1 where both pictures have pixels, else 0.
      correlation: [P] in [-1, 1]; -1 where too little overlaps.
    """

    first: FloatArray
    second: FloatArray
    moved: FloatArray
    overlap: FloatArray
    correlation: FloatArray


def aligned_correlation(first: FloatArray, second: FloatArray) -> FloatArray:
    """Normalized correlation of pairs of pictures, the second aligned to the first.

    The highest one on the way from no change to the best scale (up to 1.3 for each axis) and shift
    is taken, over the pixels that overlap. It does not depend on brightness and contrast.

    Args:
      first: [P, h, w] float32, slightly blurred: an alignment to parts of pixels follows gradients.
      second: [P, h, w].
    Returns:
      [P] float32 in [-1, 1]; 0 where a picture is constant.

    >>> y, x = np.mgrid[:32, :32].astype(np.float32)
    >>> whole, part = (np.sin(a / 4) + np.cos(b / 6) for a, b in [(x, y), (0.95 * x + 1, y)])
    >>> aligned_correlation(whole[np.newaxis], part[np.newaxis]).round(3)
    array([1.], dtype=float32)
    """
    place = np.tile(np.array([1, 0, 1, 0], np.float32), [len(first), 1])
    best, place = _follow(first, second, place, _FIRST_STEPS)
    hopeful = np.flatnonzero(best >= _HOPELESS)
    more, _ = _follow(first[hopeful], second[hopeful], place[hopeful], _MORE_STEPS)
    best[hopeful] = np.maximum(best[hopeful], more)
    return best


def _follow(
    first: FloatArray, second: FloatArray, place: FloatArray, steps: int
) -> tuple[FloatArray, FloatArray]:
    """Highest correlation on the way [P], and the last place [P, 4]."""
    placed = _put(first, second, place)
    best = placed.correlation
    for _ in range(steps):
        place = _moved(placed, place)
        placed = _put(first, second, place)
        best = np.maximum(best, placed.correlation)
    return best, place


def _put(first: FloatArray, second: FloatArray, place: FloatArray) -> _Placed:
    """The second pictures at places [P, 4]: scale and shift of rows, scale and shift of columns."""
    rows = _read(place[:, 0], place[:, 1], first.shape[1])  # [P, h]
    columns = _read(place[:, 2], place[:, 3], first.shape[2])  # [P, w]
    moved = _interpolation(rows) @ second @ _interpolation(columns).transpose(0, 2, 1)
    inside = [np.abs(places) <= (places.shape[1] - 1) / 2 for places in (rows, columns)]
    overlap = (inside[0][:, :, np.newaxis] & inside[1][:, np.newaxis]).astype(np.float32)
    one, other = _centered(first, overlap), _centered(moved, overlap)
    lengths = np.sqrt((one**2).sum(axis=(1, 2)) * (other**2).sum(axis=(1, 2)))
    correlation = (one * other).sum(axis=(1, 2)) / np.maximum(lengths, _TINY)
    correlation[overlap.mean(axis=(1, 2)) < _LEAST_OVERLAP] = -1
    return _Placed(one, other, moved, overlap, correlation)


def _moved(placed: _Placed, place: FloatArray) -> FloatArray:
    """Places after a step towards the least squares of first - gain · second(place) - offset."""
    count, height, width = placed.moved.shape
    slopes = np.gradient(placed.moved, axis=(1, 2))
    by_row, by_column = _places(height)[:, np.newaxis], _places(width)
    changes = [slopes[0] * by_row, slopes[0], slopes[1] * by_column, slopes[1]]
    columns = [_centered(change, placed.overlap) for change in changes]
    jacobian = np.stack([*columns, placed.second], axis=1).reshape(count, 5, height * width)
    normal = jacobian @ jacobian.transpose(0, 2, 1)
    diagonal = np.trace(normal, axis1=1, axis2=2)[:, np.newaxis, np.newaxis] / 5
    normal += np.eye(5, dtype=np.float32) * (_DAMPING * diagonal + _TINY)
    solved = np.linalg.solve(normal, jacobian @ placed.first.reshape(count, height * width, 1))[
        :, :, 0
    ]
    step = solved[:, :4] / np.maximum(solved[:, 4:], _LEAST_CONTRAST)
    longest = np.array([_SCALE_STEP, _SHIFT_STEP] * 2, np.float32)
    shifts = np.repeat([height, width], 2) / 4
    least = np.where([1, 0, 1, 0], 1 / _LARGEST_SCALE, -shifts).astype(np.float32)
    most = np.where([1, 0, 1, 0], _LARGEST_SCALE, shifts).astype(np.float32)
    return (place + step.clip(-longest, longest)).clip(least, most)


def _read(scale: FloatArray, shift: FloatArray, side: int) -> FloatArray:
    """[P, side] places that lines are read at, from the middle: scale · u + shift."""
    return scale[:, np.newaxis] * _places(side) + shift[:, np.newaxis]


def _interpolation(places: FloatArray) -> FloatArray:
    """[P, side, side] matrices that read lines there; beyond the border the last line goes on."""
    side = places.shape[1]
    within = places.clip(-(side - 1) / 2, (side - 1) / 2)
    return np.maximum(0, 1 - np.abs(within[:, :, np.newaxis] - _places(side)))


def _places(side: int) -> FloatArray:
    return np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)


def _centered(pictures: FloatArray, overlap: FloatArray) -> FloatArray:
    """Pictures less their means over the overlap, 0 outside."""
    size = np.maximum(overlap.sum(axis=(1, 2), keepdims=True), 1)
    return (pictures - (pictures * overlap).sum(axis=(1, 2), keepdims=True) / size) * overlap
