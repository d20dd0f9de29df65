from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment.area import WHOLE
from ieg.features import Pictures, Views
from ieg.features.views import middle_view, strong_views, weak_view
from tests.features.tiny import SIDE, arrays, files

KEY = bytes(range(32))


def test_evaluation_sees_what_it_sees_of_files(tmp_path: Path) -> None:
    images = files(tmp_path, 2)
    images.middle = WHOLE
    expected = next(iter(images.loader().test_batches(np.arange(2)[np.newaxis])))
    pictures = Pictures(images)
    for path, pixels in zip(images.paths, expected, strict=True):
        whole = pictures.decode(tf.constant(path))
        np.testing.assert_array_equal(middle_view(whole, SIDE), pixels)


def test_a_weak_view_is_a_random_area_mirrored_by_its_draw(tmp_path: Path) -> None:
    images, views = files(tmp_path, 1), Views(weak=1, smallest=0.08)
    images.middle = WHOLE
    whole = Pictures(images).decode(tf.constant(images.paths[0]))
    draws = np.full(views.draws(KEY, 1).shape, 0.7, np.float32)
    area = images.loader().training_view(tf.constant([0]), tf.constant(draws[np.newaxis, :4]))[0]
    np.testing.assert_array_equal(weak_view(whole, tf.constant(draws), views, SIDE), area)
    draws[4] = 0.3
    mirrored = weak_view(whole, tf.constant(draws), views, SIDE)
    np.testing.assert_array_equal(mirrored, area[:, ::-1])
    digits = Views(weak=1, smallest=0.08, flip=False)
    np.testing.assert_array_equal(weak_view(whole, tf.constant(draws), digits, SIDE), area)


def test_all_of_a_cropped_image_can_be_evaluated() -> None:
    image = arrays(1)[0]
    whole = middle_view(tf.constant(image), 20)
    np.testing.assert_allclose(whole, image[:, 2:22], atol=1e-4)


def test_a_strong_view_depends_on_its_own_image_alone() -> None:
    views = Views(strong=3)
    pixels = tf.image.resize(tf.cast(arrays(3), tf.float32), [SIDE, SIDE])
    draws = tf.constant(np.stack([views.draws(KEY, view) for view in (1, 2, 3)]))
    together = strong_views(pixels, draws, views, SIDE).numpy()
    alone = strong_views(pixels[1:2], draws[1:2], views, SIDE).numpy()
    np.testing.assert_array_equal(alone[0], together[1])
    assert together.min() >= 0 and together.max() <= 255
    assert np.abs(together - pixels).mean() > 5


def test_draws_are_of_the_content_the_seed_and_the_number() -> None:
    views = Views(weak=2, strong=2)
    drawn = [views.draws(KEY, view) for view in range(1, 5)]
    drawn += [views.draws(bytes(32), 1), Views(weak=2, seed=1).draws(KEY, 1)]
    assert len({draws.tobytes() for draws in drawn}) == 6
    # A strong view stays the same when there are more weak ones.
    np.testing.assert_array_equal(drawn[2], Views(weak=5, strong=1).draws(KEY, 6))
    assert all(draws.min() >= 0 and draws.max() < 1 for draws in drawn)


def test_definitions_say_all_that_changes_a_view() -> None:
    one = Views(weak=1, strong=1)
    lines = set(one.definitions(32))
    others = [
        Views(weak=1, strong=1, seed=1),
        Views(weak=1, strong=1, smallest=0.1),
        Views(weak=1, strong=1, flip=False),
    ]
    assert all(not lines & set(other.definitions(32)[1:]) for other in others)
    assert not lines & set(one.definitions(48))
    assert lines <= set(Views(weak=2, strong=3).definitions(32))


def test_the_kinds_of_views_in_order() -> None:
    views = Views(weak=2, strong=1)
    assert len(views) == 4
    assert [views.kind(v) for v in range(4)] == ["middle", "weak", "weak", "strong"]


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_images_become_colored(channels: int) -> None:
    images = arrays(1, channels)
    whole = Pictures(images).decode(tf.constant(images[0]))
    np.testing.assert_array_equal(whole, np.broadcast_to(images[0], (20, 24, 3)))
