import numpy as np
import pytest
import tensorflow as tf

from ieg.data import images as stored
from ieg.features import CachedImages, Views

VIEWS = Views(weak=3, strong=2)


def _table(count: int = 5) -> np.ndarray:
    """[count, 6, 2]: the number of the image, and that of the view."""
    table = np.zeros((count, 6, 2), np.float16)
    table[..., 0] = np.arange(count)[:, np.newaxis]
    table[..., 1] = np.arange(6)
    return table


def test_images_are_vectors() -> None:
    images = CachedImages(_table(), VIEWS)
    assert images.shape == (5, 2) and len(images) == 5
    assert stored.kind(images) == "features"  # type: ignore[arg-type]
    assert stored.readable(images).all()  # type: ignore[arg-type]


def test_a_batch_gets_the_weak_view_that_its_draw_says() -> None:
    loader = CachedImages(_table(), VIEWS).loader()
    assert (loader.draws_per_image, loader.strong_draws_per_image) == (1, 1)
    draws = tf.constant([[0.0], [0.34], [0.999]])
    index = tf.constant([4, 0, 2])
    weak = loader.training_view(index, draws)
    assert weak.dtype == tf.float32
    np.testing.assert_array_equal(weak, [[4, 1], [0, 2], [2, 3]])
    np.testing.assert_array_equal(loader.strong_view(index, draws), [[4, 4], [0, 4], [2, 5]])


@pytest.mark.parametrize(("weak", "seen"), [(0, 0), (1, 1)])
def test_nothing_is_drawn_where_there_is_no_choice(weak: int, seen: int) -> None:
    loader = CachedImages(_table(), Views(weak=weak)).loader()
    assert loader.draws_per_image == 0
    view = loader.training_view(tf.constant([3]), tf.zeros([1, 0]))
    np.testing.assert_array_equal(view, [[3, seen]])
    with pytest.raises(ValueError, match="no strong view"):
        loader.strong_view(tf.constant([3]), tf.zeros([1, 0]))


def test_tests_see_the_middle() -> None:
    batches = list(CachedImages(_table(), VIEWS).loader().test_batches(np.array([[0, 1], [4, 4]])))
    np.testing.assert_array_equal(batches, [[[0, 0], [1, 0]], [[4, 0], [4, 0]]])
    assert batches[0].dtype == np.float32


def test_a_part_counts_anew() -> None:
    damaged = np.array([False, False, True, False, False])
    part = CachedImages(_table(), VIEWS, damaged)[np.array([2, 3])][np.array([1, 0])]
    loader = part.loader()
    view = loader.training_view(tf.constant([0, 1]), tf.zeros([2, 1]))
    np.testing.assert_array_equal(view, [[3, 1], [2, 1]])
    np.testing.assert_array_equal(next(loader.test_batches(np.array([[0]]))), [[3, 0]])
    np.testing.assert_array_equal(loader.damaged(), [False, True])


def test_views_are_picked_within_a_pipeline() -> None:
    loader = CachedImages(_table(), VIEWS).loader()
    rows = tf.data.Dataset.range(2).map(
        lambda step: loader.training_view(tf.fill([2], tf.cast(step, tf.int32)), tf.zeros([2, 1]))
    )
    np.testing.assert_array_equal(list(rows), [[[0, 1]] * 2, [[1, 1]] * 2])
