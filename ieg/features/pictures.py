"""Images as a store of features takes them: a key for each content, and the whole image decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import tensorflow as tf

from ieg import decoding, mapped
from ieg.data.files import FileImages
from ieg.data.images import Images
from ieg.errors import InputError
from ieg.features.places import KEY

_READERS = 8
_WAITING = 1 << 10  # numbers of a block for each file, so that few files wait for a reader


class Pictures:
    """N images, in memory or in files, with a key for each: the SHA-256 of its content.

    The key of a file depends on the decoder as well, and on the background unless the file is plain
    (`ieg.decoding.is_plain`).
    Files are read once for the keys when they are first asked for. A file that cannot be read then
    has the key 0, which is that of no image.

    Args:
      images: [N, H, W, C] uint8 with 1 or 3 channels, or image files.
    Raises:
      InputError: they are no images, or have another number of channels.
    """

    def __init__(self, images: Images) -> None:
        if len(images.shape) != 4 or images.shape[3] not in (1, 3):
            raise InputError(
                "a backbone needs images [N, H, W, C] with 1 or 3 channels, not examples of shape "
                f"{tuple(images.shape)}"
            )
        if not isinstance(images, np.ndarray | FileImages):
            raise InputError(f"features of {type(images).__name__} cannot be kept")
        self.images = images
        self._keys: list[bytes] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def keys(self) -> list[bytes]:
        """N keys of `KEY` bytes; images of equal content have equal keys."""
        if self._keys is None:
            if isinstance(self.images, np.ndarray):
                shape = f"{self.images.dtype}{self.images.shape[1:]}".encode()
                self._keys = [
                    hashlib.sha256(shape + np.ascontiguousarray(image).tobytes()).digest()
                    for image in self.images
                ]
            else:
                images = self.images
                with ThreadPoolExecutor(_READERS) as readers:
                    self._keys = [
                        key
                        for some in mapped.blocks(len(images), _WAITING)
                        for key in readers.map(partial(_file_key, images), images.paths[some])
                    ]
        return self._keys

    def contents(self, indices: np.ndarray) -> np.ndarray:
        """[n, ...] pixels or paths of some images, which `decode` takes one by one."""
        if isinstance(self.images, np.ndarray):
            return self.images[indices]
        return self.images.paths[indices]

    def decode(self, content: tf.Tensor) -> tf.Tensor:
        """The whole image, [height, width, 3] uint8, in the graph."""
        if isinstance(self.images, np.ndarray):
            return content if content.shape[2] == 3 else tf.repeat(content, 3, axis=2)
        return self.images.decode(content)

    def pixels(self, content: np.ndarray | bytes) -> np.ndarray:
        """The same without TensorFlow, six times as fast for one image alone.

        Raises:
          OSError, ValueError: it cannot be decoded.
        """
        if isinstance(self.images, np.ndarray):
            image = np.asarray(content)
            return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
        assert isinstance(content, bytes)
        return decoding.pixels(self.images.read(content), self.images.background)

    def damaged(self) -> np.ndarray | None:
        """[N] bool, files that were found to be unreadable so far; None for none."""
        return None if isinstance(self.images, np.ndarray) else self.images.loader().damaged()

    def report_damage(self, indices: Iterable[int]) -> None:
        """Enter files that could not be decoded, and all of equal content, into the list of damage.

        Raises:
          TrainingStopped: these are too many.
        """
        error = tf.errors.InvalidArgumentError(None, None, "an image cannot be decoded")
        if isinstance(self.images, np.ndarray):
            raise error
        lost, known = {self.keys[i] for i in indices}, self.damaged()
        rows = np.flatnonzero([key in lost for key in self.keys])
        if known is not None:
            rows = rows[~known[rows]]
        if len(rows):
            self.images.loader().examine(rows, error)


def _file_key(images: FileImages, path: bytes) -> bytes:
    try:
        content = images.read(path)
    except OSError:
        return bytes(KEY)
    background = str(images.background).encode()
    seen = decoding.VERSION if decoding.is_plain(content) else decoding.VERSION + background
    return hashlib.sha256(seen + content).digest()
