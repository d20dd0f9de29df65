"""Color operations on a few pixels by hand, where recorded images allow a difference of one."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import color

UNUSED = tf.zeros(1)


def column(*values: int) -> tf.Tensor:
    """One image [1, n, 1, 1]."""
    return tf.constant(values, tf.uint8, [1, len(values), 1, 1])


def values(images: tf.Tensor) -> list[int]:
    assert images.dtype == tf.uint8
    return tf.reshape(images, [-1]).numpy().tolist()


def amount(*numbers: float) -> tf.Tensor:
    return tf.constant(numbers, tf.float32)


@pytest.mark.parametrize("operation", [color.autocontrast, color.equalize])
def test_a_plain_image_stays_as_it_is(operation) -> None:
    assert values(operation(column(7, 7, 7), UNUSED)) == [7, 7, 7]


def test_equalize_with_few_pixels_stays_as_it_is() -> None:
    # 255 of the pixels below the highest value would be needed for a step of 1.
    assert values(color.equalize(column(1, 2, 3, 200), UNUSED)) == [1, 2, 3, 200]


@pytest.mark.parametrize("operation", [color.autocontrast, color.equalize])
def test_channels_and_images_are_stretched_apart(operation) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 20, 20, 2)).astype(np.uint8)
    images[1] //= 2
    images[2, ..., 1] //= 3
    together = operation(tf.constant(images), tf.zeros(3)).numpy()
    assert (together != images).any()
    for i in range(3):
        for channel in range(2):
            alone = operation(tf.constant(images[i : i + 1, ..., channel : channel + 1]), UNUSED)
            np.testing.assert_array_equal(together[i, ..., channel], alone[0, ..., 0])


@pytest.mark.parametrize(
    ("factor", "expected"),
    [(0, [0, 0, 0]), (0.5, [5, 50, 127]), (1, [10, 101, 255]), (1.9, [19, 191, 255])],
)
def test_brightness_multiplies_and_rounds_down(factor: float, expected: list[int]) -> None:
    assert values(color.brightness(column(10, 101, 255), amount(factor))) == expected


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (0, [61, 61, 61, 61]),
        (0.5, [30, 35, 50, 128]),
        (1, [0, 10, 40, 195]),
        (2, [0, 0, 19, 255]),
    ],
)
def test_contrast_moves_away_from_the_mean(factor: float, expected: list[int]) -> None:
    # The mean is 61.25, which is rounded to 61.
    assert values(color.contrast(column(0, 10, 40, 195), amount(factor))) == expected


def test_contrast_rounds_a_half_up() -> None:
    assert values(color.contrast(column(0, 1), amount(0))) == [1, 1]


def test_gray_values_are_weighted() -> None:
    primary = tf.constant([[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]], tf.uint8)
    expected = [76] * 3 + [150] * 3 + [29] * 3  # 0.299, 0.587 and 0.114 of 255, rounded
    assert values(color.color(primary, amount(0))) == expected
    # Their mean is 85; a quarter of the way from 85: up to 127 and down to 63.
    expected = np.where(np.eye(3), 127, 63).ravel().tolist()
    assert values(color.contrast(primary, amount(0.25))) == expected


def test_color_makes_colors_paler_or_stronger() -> None:
    pixel = tf.constant([[[[100, 150, 200]]]], tf.uint8)  # luma 140.75, rounded to 141
    assert values(color.color(pixel, amount(0.5))) == [120, 145, 170]
    assert values(color.color(pixel, amount(1))) == [100, 150, 200]
    assert values(color.color(pixel, amount(2))) == [59, 159, 255]


def test_color_of_one_channel_changes_nothing() -> None:
    assert values(color.color(column(0, 100, 255), amount(0.3))) == [0, 100, 255]


def test_sharpness_smooths_the_inside() -> None:
    image = np.zeros((1, 4, 3, 1), np.uint8)
    image[0, 1, 1] = 130
    smooth = color.sharpness(tf.constant(image), amount(0))
    # 5/13 of 130 where it is, 1/13 below it; the edge stays.
    assert smooth[0, ..., 0].numpy().tolist() == [[0, 0, 0], [0, 50, 0], [0, 10, 0], [0, 0, 0]]
    same = color.sharpness(tf.constant(image), amount(1))
    np.testing.assert_array_equal(same, image)
    sharp = color.sharpness(tf.constant(image), amount(1.5))
    assert values(sharp[0, 1:3, 1]) == [170, 0]


def test_the_smooth_value_is_rounded_to_the_nearest() -> None:
    image = np.zeros((1, 3, 3, 1), np.uint8)
    image[0, 0, 0] = 7  # 7/13 is nearer to one
    assert values(color.sharpness(tf.constant(image), amount(0))[0, 1, 1]) == [1]


AMOUNTS = {
    "solarize": (10, 250),
    "solarize_add": (5, 90),
    "posterize": (1, 4),
    "brightness": (0.3, 1.9),
    "contrast": (0.3, 1.9),
    "color": (0.3, 1.9),
    "sharpness": (0.3, 1.9),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_every_image_takes_its_own_amount(name: str) -> None:
    random = np.random.default_rng(0)
    images = tf.constant(np.repeat(random.integers(0, 256, (1, 6, 5, 3)), 2, axis=0), tf.uint8)
    operation = getattr(color, name)
    both = operation(images, amount(*AMOUNTS[name])).numpy()
    assert (both[0] != both[1]).any()
    for i in range(2):
        alone = operation(images[:1], amount(AMOUNTS[name][i]))
        np.testing.assert_array_equal(both[i], alone[0])
