"""Shifts, flips and rotations from hand-made draws."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import weak
from ieg.augment.weak import WeakAugmentation, augment, draws_per_image, scale

IMAGE = np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3, 1)
STAY = 0.5  # the middle of three shifts
NO_FLIP = 0.5


def shifted(*draws: float, pad: int = 1, flip: bool = False) -> list[list[int]]:
    """IMAGE after draws (vertical, horizontal, flip)."""
    views = augment(IMAGE, tf.constant([draws]), WeakAugmentation(pad, flip))
    return views[0, :, :, 0].numpy().tolist()


@pytest.mark.parametrize(
    ("vertical", "horizontal", "expected"),
    [
        (STAY, STAY, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (0.0, STAY, [[0, 0, 0], [1, 2, 3], [4, 5, 6]]),  # down
        (0.99, STAY, [[4, 5, 6], [7, 8, 9], [0, 0, 0]]),  # up
        (STAY, 0.0, [[0, 1, 2], [0, 4, 5], [0, 7, 8]]),  # to the right
        (STAY, 0.99, [[2, 3, 0], [5, 6, 0], [8, 9, 0]]),  # to the left
        (0.0, 0.99, [[0, 0, 0], [2, 3, 0], [5, 6, 0]]),
    ],
)
def test_a_shift_moves_black_in_and_nothing_around(
    vertical: float, horizontal: float, expected: list[list[int]]
) -> None:
    assert shifted(vertical, horizontal, 0.0) == expected


@pytest.mark.parametrize(
    ("draw", "top"),
    [(0.0, 0), (0.333, 0), (0.334, 1), (0.666, 1), (0.667, 4), (0.9999999, 4)],
)
def test_each_shift_has_an_equal_share_of_the_draws(draw: float, top: int) -> None:
    assert shifted(draw, STAY, NO_FLIP)[0][0] == top


def test_a_larger_pad_shifts_further() -> None:
    assert shifted(0.0, 0.99, NO_FLIP, pad=2) == [[0, 0, 0], [0, 0, 0], [3, 0, 0]]


def test_without_pad_nothing_moves() -> None:
    assert shifted(0.0, 0.99, NO_FLIP, pad=0) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize(("draw", "mirrored"), [(0.0, True), (0.499, True), (0.5, False)])
def test_half_of_the_draws_mirror_left_to_right(draw: float, mirrored: bool) -> None:
    expected = [[3, 2, 1], [6, 5, 4], [9, 8, 7]] if mirrored else IMAGE[0, :, :, 0].tolist()
    assert shifted(STAY, STAY, draw, flip=True) == expected


def test_the_flip_mirrors_the_shifted_image() -> None:
    assert shifted(STAY, 0.0, 0.0, flip=True) == [[2, 1, 0], [5, 4, 0], [8, 7, 0]]


def test_images_of_a_batch_are_augmented_one_by_one() -> None:
    images = np.concatenate([IMAGE, 10 * IMAGE])
    draws = tf.constant([[0.0, STAY, NO_FLIP], [STAY, STAY, 0.0]])
    views = augment(images, draws, WeakAugmentation(pad=1, flip=True))[..., 0]
    assert views[0].numpy().tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    assert views[1].numpy().tolist() == [[30, 20, 10], [60, 50, 40], [90, 80, 70]]


def test_channels_move_together_and_sides_may_differ() -> None:
    images = np.arange(1, 13, dtype=np.uint8).reshape(1, 2, 3, 2)
    view = augment(images, tf.constant([[STAY, 0.99, 0.0]]), WeakAugmentation(1, flip=False))
    assert view.numpy().tolist() == [[[[3, 4], [5, 6], [0, 0]], [[9, 10], [11, 12], [0, 0]]]]


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
@pytest.mark.parametrize("rotation", [0, 15])
def test_type_and_shape_stay(rotation: float, dtype: tf.DType) -> None:
    weak = WeakAugmentation(2, flip=True, rotation=rotation)
    draws = tf.random.stateless_uniform([4, draws_per_image(weak)], (0, 1))
    views = augment(tf.zeros([4, 5, 6, 3], dtype), draws, weak)
    assert views.dtype == dtype
    assert views.shape == (4, 5, 6, 3)


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (0.0, [[7, 4, 1], [8, 5, 2], [9, 6, 3]]),  # clockwise
        (0.5, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        (0.9999999, [[3, 6, 9], [2, 5, 8], [1, 4, 7]]),  # counter-clockwise
    ],
)
def test_the_fourth_draw_is_the_angle(draw: float, expected: list[list[int]]) -> None:
    draws = tf.constant([[STAY, STAY, NO_FLIP, draw]])
    weak = WeakAugmentation(pad=1, flip=False, rotation=90)
    assert augment(IMAGE, draws, weak)[0, :, :, 0].numpy().tolist() == expected


def test_the_shifted_and_mirrored_image_is_turned() -> None:
    draws = tf.constant([[STAY, 0.0, 0.0, 0.9999999]])
    weak = WeakAugmentation(pad=1, flip=True, rotation=90)
    # To the right: 0 1 2, 0 4 5, 0 7 8; mirrored: 2 1 0, 5 4 0, 8 7 0.
    expected = [[0, 0, 0], [1, 4, 7], [2, 5, 8]]
    assert augment(IMAGE, draws, weak)[0, :, :, 0].numpy().tolist() == expected


def test_corners_turned_in_from_outside_are_black() -> None:
    white = tf.fill([1, 9, 9, 1], tf.constant(255, tf.uint8))
    weak = WeakAugmentation(pad=0, flip=False, rotation=30)
    turned = augment(white, tf.constant([[STAY, STAY, NO_FLIP, 0.0]]), weak)[0, :, :, 0].numpy()
    assert set(np.unique(turned)) == {0, 255}
    assert turned[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [0] * 4
    assert (turned[2:-2, 2:-2] == 255).all()


def test_without_rotation_three_numbers_make_an_image() -> None:
    assert draws_per_image(WeakAugmentation(pad=4, flip=True)) == 3
    assert draws_per_image(WeakAugmentation(pad=4, flip=True, rotation=15)) == 4


def test_scale_maps_a_byte_to_minus_one_and_one() -> None:
    scaled = scale(tf.constant([0, 51, 255], tf.uint8))
    assert scaled.dtype == tf.float32
    np.testing.assert_allclose(scaled, [-1, -0.6, 1], rtol=1e-6)
    assert (scaled[0], scaled[2]) == (-1, 1)


def test_networks_may_see_the_difference_from_a_mean_color() -> None:
    pixels = tf.constant([[[[0, 51, 255]]]], tf.uint8)
    centered = WeakAugmentation(pad=0, flip=False, mean=(0.5, 0.2, 0.1))
    seen = weak.network_input(pixels, centered)
    np.testing.assert_allclose(seen, [[[[-0.5, 0.0, 0.9]]]], atol=1e-6)
    np.testing.assert_array_equal(weak.to_pixels(seen, centered), pixels)
    np.testing.assert_allclose(weak.network_input(pixels, weak.PLAIN), [[[[-1, -0.6, 1]]]])
    divided = centered._replace(deviation=(0.5, 0.4, 0.25))
    seen = weak.network_input(pixels, divided)
    np.testing.assert_allclose(seen, [[[[-1.0, 0.0, 3.6]]]], atol=1e-6)
    np.testing.assert_array_equal(weak.to_pixels(seen, divided), pixels)
    tokens = tf.constant([[3, 0]])
    assert weak.network_input(tokens, None) is tokens
