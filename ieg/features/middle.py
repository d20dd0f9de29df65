"""Middle of photographs of any size, as in evaluation, in operations that Keras saves.

The same as `ieg.augment.area.middle` and `resized` for image files, but as two matrix products: a
Keras layer cannot hold TensorFlow's functions without code of ours.
"""

from typing import Any

import keras
import numpy as np

from ieg.augment.area import MIDDLE, WHOLE, Middle

ops = keras.ops


def middle_square(images: Any, side: int, middle: Middle = MIDDLE) -> Any:
    """The square in the middle, brought to `side` by interpolation that averages where it shrinks.

    Output place j sees input place i with k(|i + ½ - c_j| / s), scaled to sum to one, where
    c_j = start + (j + ½) size / side and s = max(size / side, 1). The bilinear kernel is
    k(d) = max(0, 1 - d); the bicubic one is that of R. Keys, "Cubic Convolution Interpolation for
    Digital Image Processing", IEEE Transactions on ASSP 29, 1981.

    Args:
      images: [B, H, W, C] symbolic, pixels of any dtype, sides unknown.
      side: of the result in pixels.
      middle: which square, and how it is interpolated.
    Returns:
      [B, side, side, C] float32, symbolic.
    """
    x = ops.cast(images, "float32")
    # Sides of symbolic images are unknown, but can be counted.
    rows = ops.cumsum(ops.ones_like(x[:, :, 0, 0]), axis=1)  # [B, H]: 1, 2, ..
    columns = ops.cumsum(ops.ones_like(x[:, 0, :, 0]), axis=1)  # [B, W]
    height = ops.max(rows, axis=1, keepdims=True)  # [B, 1]
    width = ops.max(columns, axis=1, keepdims=True)
    size = ops.maximum(ops.round(ops.minimum(height, width) * middle.part), 1.0)
    vertical = _shares(rows, ops.floor((height - size) / 2.0), size, side, middle.kernel)
    horizontal = _shares(columns, ops.floor((width - size) / 2.0), size, side, middle.kernel)
    x = ops.einsum("bsh,bhwc->bswc", vertical, x)
    x = ops.einsum("btw,bswc->bstc", horizontal, x)
    return ops.clip(x, 0.0, 255.0) if middle.kernel == "bicubic" else x


def square(pixels: Any, side: int) -> Any:
    """Images as a backbone sees them.

    Args:
      pixels: [B, H, W, C] symbolic with 1 or 3 channels.
      side: of the backbone's input in pixels.
    Returns:
      [B, side, side, 3], the largest square in the middle of each.
    """
    x = middle_square(pixels, side, WHOLE)
    return x if pixels.shape[-1] == 3 else keras.layers.Concatenate()([x] * 3)


def _shares(places: Any, start: Any, size: Any, side: int, kernel: str) -> Any:
    """[B, side, H] share of each input place (counted from 1) in each output place."""
    places = places - start  # within the square, counted from 1
    step = size / float(side)  # [B, 1]
    centers = step * np.arange(0.5, side, dtype=np.float32)[np.newaxis]  # [B, side]
    inside = ops.logical_and(places > 0.0, places <= size)  # [B, H]
    distance = ops.abs(ops.expand_dims(places - 0.5, 1) - ops.expand_dims(centers, 2))
    share = _KERNELS[kernel](distance / ops.expand_dims(ops.maximum(step, 1.0), 2))
    share = share * ops.expand_dims(ops.cast(inside, "float32"), 1)
    return share / ops.sum(share, axis=2, keepdims=True)


def _bilinear(d: Any) -> Any:
    return ops.relu(1.0 - d)


def _bicubic(d: Any) -> Any:
    near = (1.5 * d - 2.5) * d * d + 1.0
    far = ((2.5 - 0.5 * d) * d - 4.0) * d + 2.0
    return ops.where(d < 1.0, near, ops.where(d < 2.0, far, ops.zeros_like(d)))


_KERNELS = {"bilinear": _bilinear, "bicubic": _bicubic}
