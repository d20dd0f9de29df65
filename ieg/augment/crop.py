"""Which part of an image is seen: shifted crops, mirroring, and squares that are cut out."""

import tensorflow as tf


def crop(images: tf.Tensor, offsets: tf.Tensor, mirrored: tf.Tensor, *, pad: int) -> tf.Tensor:
    """Pads with zeros, crops to the old size, then mirrors left to right where asked.

    Args:
      images: [B, H, W, C], any dtype.
      offsets: [B, 2] int32 in 0 .. 2·pad, top and left of the crop in the padded image; (pad, pad)
        leaves the image where it is.
      mirrored: [B] bool.
      pad: zeros added on every side.
    Returns:
      [B, H, W, C] of the same dtype.
    """
    height, width = images.shape[1], images.shape[2]
    rows = offsets[:, :1] + tf.range(height)  # [B, H]
    columns = offsets[:, 1:] + tf.range(width)  # [B, W]
    columns = tf.where(mirrored[:, tf.newaxis], tf.reverse(columns, axis=[1]), columns)
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)  # [B, H, W + 2·pad, C]
    return tf.gather(cropped, columns, axis=2, batch_dims=1)  # [B, H, W, C]


def outside_square(place: tf.Tensor, size: tf.Tensor | int, height: int, width: int) -> tf.Tensor:
    """What a square about one pixel leaves of an image ("Cutout", DeVries and Taylor, 2017).

    The square covers rows r - size//2 .. r - size//2 + size - 1 of the pixel's row r, the same for
    columns; what of it lies outside the image is lost, so a square at the edge is smaller.

    Args:
      place: [n, 2] uniform in [0, 1), where in height and width the pixel lies.
      size: pixels, [n] int32 or the same for all.
      height, width: H and W of the images.
    Returns:
      [n, H, W, 1] bool, False in the square.
    """
    sides = tf.constant([height, width], tf.float32)
    first = tf.cast(tf.floor(place * sides), tf.int32) - tf.reshape(size // 2, [-1, 1])  # [n, 2]
    behind = first + tf.reshape(size, [-1, 1])
    row, column = tf.range(height), tf.range(width)
    in_rows = (row >= first[:, :1]) & (row < behind[:, :1])  # [n, H]
    in_columns = (column >= first[:, 1:]) & (column < behind[:, 1:])  # [n, W]
    inside = in_rows[:, :, tf.newaxis] & in_columns[:, tf.newaxis, :]
    return ~inside[..., tf.newaxis]
