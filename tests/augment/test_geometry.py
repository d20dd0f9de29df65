"""Matrices and the transform on tiny images, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import geometry

SQUARE = np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3, 1)
WIDE = np.arange(1, 9, dtype=np.uint8).reshape(1, 2, 4, 1)


def moved(image: np.ndarray, make, amount: float, **options: object) -> list[list[int]]:
    matrices = make(tf.constant([amount], tf.float32), *image.shape[1:3])
    return geometry.transform(tf.constant(image), matrices, **options)[0, ..., 0].numpy().tolist()


@pytest.mark.parametrize(
    ("make", "amount", "expected"),
    [
        # Rows are half a pixel, one and a half, two and a half below the edge: 0.25, 0.75, 1.25.
        (geometry.shear_x, 0.5, [[1, 2, 3], [5, 6, 0], [8, 9, 0]]),
        (geometry.shear_x, -0.5, [[1, 2, 3], [0, 4, 5], [0, 7, 8]]),
        (geometry.shear_y, 0.5, [[1, 5, 6], [4, 8, 9], [7, 0, 0]]),
        (geometry.rotate, -90, [[7, 4, 1], [8, 5, 2], [9, 6, 3]]),  # clockwise
    ],
)
def test_a_square_image(make, amount: float, expected: list[list[int]]) -> None:
    assert moved(SQUARE, make, amount) == expected


@pytest.mark.parametrize(
    ("make", "amount", "expected"),
    [
        (geometry.translate_x, 1 / 4, [[2, 3, 4, 0], [6, 7, 8, 0]]),  # a share of the width
        (geometry.translate_y, 1 / 2, [[5, 6, 7, 8], [0, 0, 0, 0]]),  # a share of the height
        (geometry.rotate, 180, [[8, 7, 6, 5], [4, 3, 2, 1]]),  # about the true centre
        (geometry.rotate, 90, [[0, 3, 7, 0], [0, 2, 6, 0]]),
    ],
)
def test_a_wide_image(make, amount: float, expected: list[list[int]]) -> None:
    assert moved(WIDE, make, amount) == expected


@pytest.mark.parametrize(
    "make",
    [
        geometry.translate_x,
        geometry.translate_y,
        geometry.shear_x,
        geometry.shear_y,
        geometry.rotate,
    ],
)
def test_an_amount_of_zero_changes_nothing(make) -> None:
    assert moved(WIDE, make, 0.0) == WIDE[0, ..., 0].tolist()


def test_what_comes_from_outside_is_filled() -> None:
    expected = [[2, 3, 128], [5, 6, 128], [8, 9, 128]]
    assert moved(SQUARE, geometry.translate_x, 1 / 3, fill=128) == expected


def test_every_image_has_its_own_matrix_and_channels_stay_together() -> None:
    images = tf.concat([SQUARE, 10 * SQUARE], axis=3)
    both = geometry.transform(
        tf.concat([images, images], axis=0),
        geometry.translate_y(tf.constant([1 / 3, -1 / 3]), 3, 3),
    )
    assert both[0, ..., 0].numpy().tolist() == [[4, 5, 6], [7, 8, 9], [0, 0, 0]]
    assert both[1, ..., 0].numpy().tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    np.testing.assert_array_equal(both[..., 1], 10 * both[..., 0])


def test_one_matrix_may_serve_all_images() -> None:
    images = np.concatenate([SQUARE, 10 * SQUARE])
    both = geometry.transform(images, geometry.rotate(tf.constant([180.0]), 3, 3))
    np.testing.assert_array_equal(both, images[:, ::-1, ::-1])


def test_no_images_are_no_mistake() -> None:
    none = geometry.transform(
        tf.zeros([0, 3, 4, 2], tf.uint8), geometry.rotate(tf.zeros([0]), 3, 4)
    )
    assert none.shape == (0, 3, 4, 2)
