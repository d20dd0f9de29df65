"""The digits: a fixed split of real data."""

import zlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ieg.data import sources
from ieg.data.sources import Request, Source

TEST_IMAGES = 479814550  # checksum


@pytest.fixture(scope="module")
def digits() -> Source:
    return sources.REGISTRY.get("digits").load(Request())


def test_sizes_and_types(digits: Source) -> None:
    assert digits.train.images.shape == (1437, 8, 8, 1)
    assert digits.test.images.shape == (360, 8, 8, 1)
    for split in (digits.train, digits.test):
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert len(split.labels) == len(split.images)


def test_the_test_split_has_36_of_every_class(digits: Source) -> None:
    np.testing.assert_array_equal(np.bincount(digits.test.labels), [36] * 10)


def test_train_and_test_are_all_digits_each_once(digits: Source) -> None:
    raw = load_digits()
    # 16 grey levels of the original on the scale of a byte.
    levels = np.array([round(255 * v / 16) for v in range(17)])[raw.images.astype(int)]
    whole = (digits.train, digits.test)
    images = np.concatenate([split.images for split in whole])[..., 0]
    labels = np.concatenate([split.labels for split in whole])
    ours = sorted((y, *image.ravel()) for y, image in zip(labels, images, strict=True))
    assert ours == sorted((y, *image.ravel()) for y, image in zip(raw.target, levels, strict=True))


def test_the_full_range_of_a_byte_is_used(digits: Source) -> None:
    assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)


def test_no_image_is_in_both_splits(digits: Source) -> None:
    train = {image.tobytes() for image in digits.train.images}
    assert not train & {image.tobytes() for image in digits.test.images}


def test_the_split_is_the_same_everywhere(digits: Source) -> None:
    # Results are compared between machines and years: another split would be another data set.
    assert zlib.crc32(digits.test.images.tobytes()) == TEST_IMAGES
    np.random.seed(3)
    again = sources.REGISTRY.get("digits").load(Request("elsewhere"))
    np.testing.assert_array_equal(again.train.images, digits.train.images)
    np.testing.assert_array_equal(again.train.labels, digits.train.labels)


def test_digits_are_never_mirrored(digits: Source) -> None:
    assert not digits.weak.flip
    assert digits.weak.pad > 0


def test_names_and_confusion_cover_the_classes(digits: Source) -> None:
    assert digits.class_names == tuple("0123456789")
    assert digits.confusion is not None
    assert digits.confusion.shape == (10,)
    assert set(digits.confusion) <= set(range(10))
    assert dict(enumerate(digits.confusion)).items() >= {4: 9, 7: 1, 3: 8, 5: 6, 0: 0}.items()
