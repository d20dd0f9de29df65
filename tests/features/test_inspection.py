"""One pass over pixels: what is kept of images in memory and in files."""

from pathlib import Path

import numpy as np

from ieg.audit import condition
from ieg.features.inspection import SIDE, inspect
from ieg.features.pictures import Pictures
from tests.features import tiny


def test_images_in_memory_with_one_channel() -> None:
    images = tiny.arrays(3, channels=1)
    images[2] = images[0]
    found = inspect(Pictures(images), np.array([2, 0, 1]))
    assert found.digests[0] == found.digests[1] != found.digests[2]
    assert found.measurements[2] == condition.measure(images[1].repeat(3, axis=2))
    assert found.thumbnails.shape == (3, SIDE, SIDE) and found.thumbnails.dtype == np.uint8
    # Enlarging keeps the mean.
    assert abs(found.thumbnails[2].mean() - images[1].mean()) < 3


def test_a_file_that_cannot_be_decoded_to_its_end(tmp_path: Path) -> None:
    files = tiny.files(tmp_path, 2)
    whole = (tmp_path / "01.jpg").read_bytes()
    (tmp_path / "01.jpg").write_bytes(whole[: len(whole) // 2])
    found = inspect(Pictures(files), np.arange(2))
    first, torn = found.measurements
    assert first is not None and (first.width, first.height) == (28, 20)
    assert torn is None and found.digests[1] == b"" and not found.thumbnails[1].any()
    assert len(inspect(Pictures(files), np.arange(0)).thumbnails) == 0
