import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ieg import decoding
from ieg.data.files import Damage, FileImages
from ieg.errors import InputError
from ieg.features import Pictures, parse_part
from tests.features.tiny import arrays, files


def test_a_key_is_that_of_the_content(tmp_path: Path) -> None:
    images = files(tmp_path, 3)
    (tmp_path / "01.jpg").write_bytes((tmp_path / "02.jpg").read_bytes())
    (tmp_path / "00.jpg").unlink()
    keys = Pictures(images).keys
    assert keys[0] == bytes(32)  # of none
    content = decoding.VERSION + (tmp_path / "02.jpg").read_bytes()
    assert keys[1] == keys[2] == hashlib.sha256(content).digest()


def test_a_file_that_is_not_plain_has_a_key_for_each_background(tmp_path: Path) -> None:
    Image.new("LA", (4, 4), (0, 9)).save(tmp_path / "a.png")
    paths = np.array([b"a.png"])
    grounds = [(255, 255, 255), (0, 0, 0)]
    keys = {
        Pictures(FileImages(str(tmp_path), paths, 8, Damage(1, 0.0), background=ground)).keys[0]
        for ground in grounds
    }
    assert len(keys) == 2


def test_equal_bytes_of_another_shape_are_another_image() -> None:
    images = arrays(2)
    keys = Pictures(images[[0, 1, 0]]).keys
    assert keys[0] == keys[2] != keys[1]
    assert Pictures(images.reshape(2, 24, 20, 3)).keys[0] != keys[0]


@pytest.mark.parametrize("shape", [(4, 5), (4, 8, 8, 2)])
def test_other_examples_have_no_pixels(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="1 or 3 channels, not examples of shape"):
        Pictures(np.zeros(shape, np.uint8))


def test_parts_as_they_are_typed() -> None:
    assert parse_part("2/3") == (2, 3)
    for text in ("0/3", "4/3", "3", "1/0", "a/b", "1/2/3", "-1/2"):
        with pytest.raises(InputError, match=f"`shard={text}`: must be i/n"):
            parse_part(text)
