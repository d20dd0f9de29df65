"""Random areas and the middle of images: hand-computed boxes, limits and distribution."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import area

compiled = tf.function(area.random_area)


def box(draws: list[float], height: int, width: int) -> list[int]:
    sides = tf.constant(height), tf.constant(width)
    return compiled(tf.constant(draws, tf.float32), *sides).numpy()


def test_the_smallest_square_box_by_hand() -> None:
    # 8 % of 100 x 200 are 1,600 pixels: 40 x 40. There are 61 rows and 161 columns to begin at.
    np.testing.assert_array_equal(box([0, 0.5, 0, 0], 100, 200), [0, 0, 40, 40])
    np.testing.assert_array_equal(box([0, 0.5, 0.5, 0.999], 100, 200), [30, 160, 40, 40])


def test_the_aspect_goes_from_three_quarters_to_four_thirds() -> None:
    # 1,600 pixels with width : height 3 : 4 are 34.6 x 46.2.
    np.testing.assert_array_equal(box([0, 0, 0, 0], 100, 200), [0, 0, 46, 35])
    np.testing.assert_array_equal(box([0, 1, 0, 0], 100, 200), [0, 0, 35, 46])


def test_a_side_is_never_longer_than_that_of_the_image() -> None:
    np.testing.assert_array_equal(box([1, 0.5, 0.9, 0.9], 10, 1000), [0, 810, 10, 100])


@pytest.mark.parametrize("sides", [(1, 1), (1, 50), (37, 41), (300, 20)])
def test_boxes_lie_inside_the_image(sides: tuple[int, int]) -> None:
    for draws in np.random.default_rng(0).random((200, 4)).astype(np.float32):
        top, left, height, width = box(list(draws), *sides)
        assert min(top, left) >= 0 and min(height, width) >= 1
        assert top + height <= sides[0] and left + width <= sides[1]


def test_areas_are_uniform_from_8_to_100_percent() -> None:
    draws = np.random.default_rng(0).random((1000, 4)).astype(np.float32)
    # The median of 8 to 100 % is 54 %.
    sizes = np.array([np.prod(box(list(row), 400, 400)[2:]) for row in draws]) / 400**2
    assert 0.075 < sizes.min() < 0.09
    assert np.mean(sizes < 0.54) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [((256, 256), [16, 16, 224, 224]), ((256, 300), [16, 38, 224, 224]), ((1, 3), [0, 1, 1, 1])],
)
def test_the_middle_by_hand(sides: tuple[int, int], expected: list[int]) -> None:
    found = area.middle(tf.constant(sides[0]), tf.constant(sides[1]))
    np.testing.assert_array_equal(found, expected)


def test_the_smallest_area_can_be_set() -> None:
    top, left, height, width = area.random_area(tf.constant([0.0, 0.5, 0.0, 0.0]), 100, 100, 0.36)
    assert (top, left, height, width) == (0, 0, 60, 60)


@pytest.mark.parametrize(("draw", "turns"), [(0.5, 0), (0.75, 1), (0.25, -1), (0.0, 2)])
def test_a_photograph_is_turned_about_its_middle(draw: float, turns: int) -> None:
    image = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
    turned = tf.function(
        area.turned,
        input_signature=[  # of any size, as a decoded file is
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([], tf.float32),
            tf.TensorSpec([], tf.float32),
        ],
    )
    np.testing.assert_array_equal(turned(image, draw, 180.0), np.rot90(image, turns))


def test_what_moves_in_from_outside_is_black() -> None:
    turned = area.turned(tf.fill([40, 60, 3], tf.constant(200, tf.uint8)), tf.constant(0.625), 180)
    assert turned.shape == (40, 60, 3)  # by 45 degrees
    assert (turned[0, 0].numpy() == 0).all() and (turned[20, 30].numpy() == 200).all()
    assert set(np.unique(turned)) == {0, 200}
