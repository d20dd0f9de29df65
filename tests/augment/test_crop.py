"""Crops by offset and squares by place; what draws make of them is in test_weak and test_strong."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment.crop import crop, outside_square

IMAGE = np.arange(1, 7, dtype=np.float32).reshape(1, 2, 3, 1)


@pytest.mark.parametrize(
    ("top", "left", "mirrored", "expected"),
    [
        (1, 1, False, [[1, 2, 3], [4, 5, 6]]),
        (0, 1, False, [[0, 0, 0], [1, 2, 3]]),
        (2, 0, False, [[0, 4, 5], [0, 0, 0]]),
        (1, 2, True, [[0, 3, 2], [0, 6, 5]]),
    ],
)
def test_a_crop(top: int, left: int, mirrored: bool, expected: list[list[int]]) -> None:
    seen = crop(IMAGE, tf.constant([[top, left]]), tf.constant([mirrored]), pad=1)
    assert seen[0, ..., 0].numpy().tolist() == expected


def covered(place: tuple[float, float], size: int, height: int, width: int) -> list[str]:
    outside = outside_square(tf.constant([place]), size, height, width)
    assert outside.dtype == tf.bool
    return ["".join(".#"[not seen] for seen in row) for row in outside[0, ..., 0].numpy()]


@pytest.mark.parametrize(
    ("place", "size", "expected"),
    [
        ((0.5, 0.5), 2, [".....", ".##..", ".##..", "....."]),  # about row 2, column 2
        ((0.0, 0.0), 2, ["#....", ".....", ".....", "....."]),  # three quarters are outside
        ((0.999, 0.999), 2, [".....", ".....", "...##", "...##"]),
        ((0.5, 0.0), 3, [".....", "##...", "##...", "##..."]),  # odd sides count in full
        ((0.25, 0.6), 0, [".....", ".....", ".....", "....."]),
        ((0.25, 0.6), 1, [".....", "...#.", ".....", "....."]),
    ],
)
def test_a_square(place: tuple[float, float], size: int, expected: list[str]) -> None:
    assert covered(place, size, 4, 5) == expected


def test_each_image_has_its_own_place_and_size() -> None:
    place = tf.constant([[0.5, 0.5], [0.0, 0.0]])
    outside = outside_square(place, tf.constant([4, 2]), 4, 4)
    assert [int(np.sum(~outside[i].numpy())) for i in range(2)] == [16, 1]


def test_each_pixel_is_the_middle_equally_often() -> None:
    shares = (np.arange(30) + 0.5) / 30
    place = tf.constant(np.stack(np.meshgrid(shares, shares), -1).reshape(-1, 2), tf.float32)
    middles = np.sum(~outside_square(place, 1, 5, 3).numpy(), axis=0)[..., 0]
    assert middles.tolist() == [[60] * 3] * 5
