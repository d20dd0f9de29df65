"""Small pictures of training images, as text that a page can hold."""

import base64

import numpy as np
import tensorflow as tf

from ieg.data import images
from ieg.data.images import Images

#: Pixels up to which an image is kept as it is, without loss; larger ones are reduced to `_SIDE`.
LARGEST_KEPT = 64
_SIDE = 128
_QUALITY = 80  # of JPEG
_BATCH = 64

#: Both together keep a page of 100,000 labels below 40 MB.
MOST = 3000
MOST_BYTES = 24 << 20


def data_uris(chosen: Images, share: float = 1.0) -> list[str]:
    """The first images as data URIs, the way that tests see them: PNG if small, else JPEG.

    Args:
      chosen: [N, H, W, C] with 1 or 3 channels.
      share: of `MOST_BYTES` that they may take, in [0, 1].
    Returns:
      at most N and `MOST` texts of that many bytes in all; a damaged image is gray.
    """
    count = min(len(chosen), MOST)
    if not count:
        return []
    # The last batch is filled up with its last image.
    places = np.minimum(np.arange(-(-count // _BATCH) * _BATCH), count - 1).reshape(-1, _BATCH)
    found: list[str] = []
    size = 0
    for pixels in images.loader(chosen).test_batches(places):
        for content, kind in _encoded(pixels)[: count - len(found)]:
            text = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
            size += len(text)
            if size > share * MOST_BYTES:
                return found
            found.append(text)
    return found


def is_small(chosen: Images) -> bool:
    """True if pictures of these images keep every pixel."""
    return max(chosen.shape[1:3]) <= LARGEST_KEPT


def _encoded(pixels: tf.Tensor | np.ndarray) -> list[tuple[bytes, str]]:
    """Files of [B, H, W, C] pixels in 0 .. 255."""
    height, width = pixels.shape[1:3]
    if max(height, width) <= LARGEST_KEPT:
        return [(file, "png") for file in tf.io.encode_png(_bytes(pixels)).numpy()]
    scale = min(1.0, _SIDE / max(height, width))
    size = [max(1, round(scale * side)) for side in (height, width)]
    reduced = _bytes(tf.image.resize(pixels, size, antialias=True))
    return [(tf.io.encode_jpeg(image, quality=_QUALITY).numpy(), "jpeg") for image in reduced]


def _bytes(pixels: tf.Tensor | np.ndarray) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(tf.cast(pixels, tf.float32)), 0.0, 255.0), tf.uint8)
