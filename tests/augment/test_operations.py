"""What operations do to validity, and that each image goes through its own."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import operations
from ieg.augment.operations import OPERATIONS, Canvas, Step

COVERING = ("AutoContrast", "Equalize", "Invert", "Solarize", "SolarizeAdd", "Posterize")
MOVING = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
KEEPING = ("Identity", "Contrast", "Color", "Brightness", "Sharpness")

# Of every operation, an argument that changes a random image.
ARGUMENTS = {
    **dict.fromkeys(COVERING, 100.0),
    **dict.fromkeys(MOVING, 0.3),
    **dict.fromkeys(KEEPING, 0.4),
    "Posterize": 3.0,
    "Rotate": 30.0,
    "Cutout": 0.5,
}


def random_canvas(count: int, channels: int = 3) -> Canvas:
    random = np.random.default_rng(0)
    pixels = random.integers(20, 200, (count, 8, 10, channels)).astype(np.uint8)
    valid = random.integers(0, 2, (count, 8, 10, 1)).astype(np.uint8)
    return Canvas(tf.constant(pixels), tf.constant(valid))


def step(name: str, count: int = 1, fill: int | None = None) -> Step:
    return Step(tf.fill([count], ARGUMENTS[name]), tf.fill([count, 2], 0.5), fill)


def test_every_operation_is_tested_here() -> None:
    assert set(ARGUMENTS) == set(OPERATIONS)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_changes_pixels_but_not_their_shape(name: str, channels: int) -> None:
    before = random_canvas(2, channels)
    after = OPERATIONS[name](before, step(name, 2))
    for old, new in zip(before, after, strict=True):
        assert new.shape == old.shape and new.dtype == tf.uint8
    unchanged = name == "Identity" or (name == "Color" and channels == 1)
    # 240 pixels are too few for a step of Equalize: its own test is in test_color.
    if name != "Equalize":
        assert np.array_equal(after.pixels, before.pixels) == unchanged


@pytest.mark.parametrize("name", COVERING)
def test_what_knows_no_transparency_makes_all_pixels_valid(name: str) -> None:
    assert (OPERATIONS[name](random_canvas(1), step(name)).valid.numpy() == 1).all()


@pytest.mark.parametrize("name", KEEPING)
def test_what_blends_leaves_validity_as_it_is(name: str) -> None:
    before = random_canvas(1)
    np.testing.assert_array_equal(OPERATIONS[name](before, step(name)).valid, before.valid)


@pytest.mark.parametrize("name", MOVING)
def test_what_moves_takes_validity_along(name: str) -> None:
    before = random_canvas(1)
    # Validity as a color: it must move like one, with 0 from outside.
    marked = Canvas(tf.concat([before.pixels, before.valid], axis=3), before.valid)
    after = OPERATIONS[name](marked, step(name))
    np.testing.assert_array_equal(after.valid, after.pixels[..., 3:])
    outside = OPERATIONS[name](Canvas(before.pixels, tf.ones_like(before.valid)), step(name))
    assert (outside.valid.numpy() == 0).any()
    np.testing.assert_array_equal(outside.valid == 0, tf.reduce_all(outside.pixels == 0, 3, True))


@pytest.mark.parametrize("name", MOVING)
def test_with_a_fill_everything_stays_valid(name: str) -> None:
    before = Canvas(random_canvas(1).pixels, tf.ones([1, 8, 10, 1], tf.uint8))
    invalid = OPERATIONS[name](before, step(name)).valid.numpy() == 0
    after = OPERATIONS[name](before, step(name, fill=77))
    assert (after.valid.numpy() == 1).all()
    assert (after.pixels.numpy()[invalid[..., 0]] == 77).all()


@pytest.mark.parametrize(("channels", "color"), [(3, [125, 122, 113]), (1, [122])])
def test_cutout_is_gray_and_invalid(channels: int, color: list[int]) -> None:
    pixels = tf.fill([1, 8, 10, channels], tf.constant(9, tf.uint8))
    after = OPERATIONS["Cutout"](Canvas(pixels, tf.ones([1, 8, 10, 1], tf.uint8)), step("Cutout"))
    square = np.zeros((8, 10), bool)
    square[2:6, 3:7] = True  # half of the shorter side, about row 4 and column 5
    np.testing.assert_array_equal(after.valid[0, ..., 0] == 0, square)
    np.testing.assert_array_equal(after.pixels[0], np.where(square[..., np.newaxis], color, 9))


def test_black_from_outside_is_an_ordinary_color_for_what_follows() -> None:
    white = Canvas(
        tf.fill([1, 2, 2, 3], tf.constant(255, tf.uint8)), tf.ones([1, 2, 2, 1], "uint8")
    )
    moved = OPERATIONS["TranslateX"](white, Step(tf.constant([0.5]), tf.zeros([1, 2]), None))
    inverted = OPERATIONS["Invert"](moved, step("Invert"))
    assert inverted.pixels[0, ..., 0].numpy().tolist() == [[0, 255], [0, 255]]
    assert (inverted.valid.numpy() == 1).all()


def test_each_image_goes_through_its_own_operation() -> None:
    names = tuple(OPERATIONS)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(len(names)), 2))
    canvas = random_canvas(len(order))
    arguments = tf.constant([ARGUMENTS[names[i]] for i in order])
    place = tf.random.stateless_uniform([len(order), 2], (0, 1))
    together = operations.apply(
        canvas, names, tf.constant(order, tf.int32), Step(arguments, place, None)
    )
    for i, number in enumerate(order):
        row = slice(i, i + 1)
        alone = OPERATIONS[names[number]](
            Canvas(*(images[row] for images in canvas)), Step(arguments[row], place[row], None)
        )
        for mixed, single in zip(together, alone, strict=True):
            np.testing.assert_array_equal(mixed[row], single)


def test_the_size_of_the_batch_stays_known() -> None:
    @tf.function
    def apply(canvas: Canvas) -> Canvas:
        result = operations.apply(
            canvas, ("Identity", "Invert"), tf.constant([1, 0]), step("Invert", 2)
        )
        assert result.pixels.shape == (2, 8, 10, 3)
        return result

    canvas = random_canvas(2)
    inverted, same = apply(canvas).pixels
    np.testing.assert_array_equal(inverted, 255 - canvas.pixels[0])
    np.testing.assert_array_equal(same, canvas.pixels[1])
