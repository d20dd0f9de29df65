"""Image files, decoded in the graph when a batch needs them.

The images of a step stay a function of the step alone: there is no shuffle buffer, and a file that
cannot be decoded is not skipped on the way. It makes the pipeline fail; then `examine` finds it,
and the batches begin anew at the step that failed.
"""

from __future__ import annotations

import contextlib
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ieg import decoding
from ieg.augment import area
from ieg.augment.area import MIDDLE, Middle, TrainingArea
from ieg.decoding import RGB, WHITE
from ieg.errors import TrainingStopped

if TYPE_CHECKING:  # which writes and reads images of this module
    from ieg.data.packed import Pack

CHANNELS = 3
#: First bytes of a JPEG with the segment JFIF of 16 bytes, and where the next one begins.
_JFIF = np.array([0xFF, 0xD8, 0xFF, 0xE0, 0, 16], np.uint8)
_NEXT, _HEAD = 20, 512
_COMMENT, _TABLE = 0xFE, 0xDB  # second bytes of markers
#: Bytes that an image of `decoding.LARGEST` pixels has at least as a sequential JPEG.
_SMALL = 2**18


class Damage:
    """Record of unreadable files, found in use, up to a limit.

    Args:
      files: number of files in the data set.
      limit: in [0, 1], largest share of them that a run tolerates; above 0, it tolerates one file
        at least.
    """

    def __init__(self, files: int, limit: float) -> None:
        self._most = max(int(limit * files), int(limit > 0))
        self._files = files
        self._reasons: dict[bytes, str] = {}

    @property
    def count(self) -> int:
        """Number of unreadable files."""
        return len(self._reasons)

    def add(self, reasons: Mapping[bytes, str]) -> None:
        """Enter unreadable files.

        Args:
          reasons: path → reason.
        Raises:
          TrainingStopped: there are more than the limit allows.
        """
        self._reasons.update(reasons)
        if len(self._reasons) > self._most:
            first, names = next(iter(self._reasons)), [os.fsdecode(path) for path in self._reasons]
            raise TrainingStopped(
                f"{len(names)} of {self._files} image files cannot be decoded, and `damaged_limit` "
                f"allows {self._most}: {first_few(names)}; the first: {self._reasons[first]}"
            )

    def among(self, paths: np.ndarray) -> np.ndarray | None:
        """[N] bool, the damaged ones of the paths [N]; None if there is no damage at all."""
        if not self._reasons:
            return None
        return np.isin(paths, np.array(list(self._reasons)))

    def table(self) -> dict[str, list[str]]:
        """Columns path and reason, sorted by path."""
        rows = sorted(self._reasons.items())
        return {
            "path": [os.fsdecode(path) for path, _ in rows],
            "reason": [reason for _, reason in rows],
        }


class FileImages:
    """N image files as color images of one size.

    Training sees a random area of each image, a test its middle, see `ieg.augment.area`.

    Args:
      root: folder that relative paths begin at.
      paths: [N] bytes, as they were given.
      side: H and W in pixels.
      damage: record of the whole data set.
      area: random area of each image for training.
      middle: square that a test sees. Its kernel serves random areas as well.
      background: color behind transparent pixels.
      pack: has the contents of the files, by the same paths; None for files as they are.
    """

    def __init__(
        self,
        root: str,
        paths: np.ndarray,
        side: int,
        damage: Damage,
        area: TrainingArea = TrainingArea(),  # noqa: B008 - a constant
        middle: Middle = MIDDLE,
        background: RGB = WHITE,
        pack: Pack | None = None,
    ) -> None:
        self.root = root
        self.paths = paths
        self.side = side
        self.damage = damage
        self.area = area
        self.middle = middle
        self.background = background
        self.pack = pack

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, H, W, C."""
        return len(self.paths), self.side, self.side, CHANNELS

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: np.ndarray, /) -> FileImages:
        return self.with_paths(self.paths[indices])

    def with_paths(self, paths: np.ndarray) -> FileImages:
        """The same with other paths [n]."""
        return self._with(paths=paths)

    def places(self) -> np.ndarray:
        """[N] bytes, paths relative to the root: they stay the same when all of it is moved."""
        parts = np.array_split(self.paths, 1 + len(self) // 100_000)  # of objects for each path
        return np.concatenate([np.array([*map(self._relative, x.tolist())], bytes) for x in parts])

    def sizes(self) -> np.ndarray:
        """[N] int64 bytes; -1 for a file that is not there."""
        if self.pack is not None:
            return self.pack.sizes_of(self.paths)
        root, sizes = os.fsencode(self.root), np.full(len(self), -1, np.int64)
        for row, path in enumerate(self.paths):
            with contextlib.suppress(OSError):
                sizes[row] = os.stat(os.path.join(root, path)).st_size
        return sizes

    def _relative(self, path: bytes) -> bytes:
        if _is_direct(path):
            return path
        root = os.fsencode(self.root)
        return os.path.relpath(os.path.join(root, path), root)

    def whole_squares(self) -> FileImages:
        """The same images, of which a test sees the largest square in the middle."""
        return self._with(middle=area.WHOLE)

    def loader(self) -> FileLoader:
        """Loader that decodes them."""
        return FileLoader(self)

    def decode(self, path: tf.Tensor) -> tf.Tensor:
        """The whole image of one of the paths, [height, width, 3] uint8, in the graph."""
        if self.pack is not None:
            content = tf.ensure_shape(_by_python(self.pack.read, path, tf.string), [])
        else:
            content = tf.io.read_file(_place(self.root, path))
        return decode(content, self.background)

    def read(self, path: bytes) -> bytes:
        """Content of one of the paths.

        Raises:
          OSError: it cannot be read.
        """
        if self.pack is not None:
            return self.pack.read(path)
        with open(os.path.join(os.fsencode(self.root), path), "rb") as file:
            return file.read()

    def _with(self, **changes: Any) -> FileImages:
        return type(self)(**{**vars(self), **changes})


class FileLoader:
    """Loader that decodes files; see `ieg.data.images.Loader`."""

    def __init__(self, images: FileImages) -> None:
        self._images = images
        self._area = images.area
        self.draws_per_image = images.area.draws
        self._shape = images.shape[1:]

    def training_view(self, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """[B, H, W, C] float32, a random area of each image [B]."""

        def one(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            image, draws = self._images.decode(row[0]), row[1]
            if self._area.rotation > 0:
                image = area.turned(image, draws[area.DRAWS], self._area.rotation)
            sides = tf.shape(image)
            box = area.random_area(draws, sides[0], sides[1], self._area.smallest)
            return self._resized(image, box)

        return self._each(one, (self._paths(index), draws))

    def test_batches(self, index: np.ndarray) -> Iterator[tf.Tensor]:
        """Yield [B, H, W, C] float32 for each row of `index`; a damaged image is gray."""
        done = 0
        while done < len(index):
            rows = tf.data.Dataset.from_tensor_slices(index[done:].astype(np.int32))
            views = rows.map(self._test_view, num_parallel_calls=tf.data.AUTOTUNE)
            try:
                for pixels in views.prefetch(2):
                    yield pixels
                    done += 1
            except tf.errors.OpError as error:
                self.examine(index[done], error)

    def examine(self, index: np.ndarray, error: tf.errors.OpError) -> None:
        """Decode these images one by one to find the damaged ones; see `Loader.examine`."""
        paths = np.unique(self._images.paths[index])
        known = self._images.damage.among(paths)
        reasons = {}
        for path in paths if known is None else paths[~known]:
            try:
                self._images.decode(tf.constant(path))
            except (tf.errors.OpError, ValueError, OSError) as found:  # all for a damaged file
                reasons[path] = _reason(found)
        if not reasons:
            raise error
        self._images.damage.add(reasons)

    def damaged(self) -> np.ndarray | None:
        """[N] bool, or None for none."""
        return self._images.damage.among(self._images.paths)

    def _test_view(self, index: tf.Tensor) -> tf.Tensor:
        def one(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            return tf.cond(
                row[1], lambda: tf.fill(self._shape, 127.5), lambda: self._test_pixels(row[0])
            )

        found = self.damaged()
        damaged = tf.zeros(len(self._images), tf.bool) if found is None else tf.constant(found)
        return self._each(one, (self._paths(index), tf.gather(damaged, index)))

    def _paths(self, index: tf.Tensor) -> tf.Tensor:
        """[B] paths; all of them as a tensor would take 80 bytes each."""
        paths = self._images.paths
        found = tf.numpy_function(lambda i: paths[i], [index], tf.string, stateful=False)
        return tf.ensure_shape(found, index.shape)

    def _test_pixels(self, path: tf.Tensor) -> tf.Tensor:
        image = self._images.decode(path)
        sides = tf.shape(image)
        return self._resized(image, area.middle(sides[0], sides[1], self._images.middle.part))

    def _each(self, one: Callable[[Any], tf.Tensor], rows: tuple[tf.Tensor, ...]) -> tf.Tensor:
        return tf.map_fn(one, rows, fn_output_signature=tf.TensorSpec(self._shape, tf.float32))

    def _resized(self, image: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
        return area.resized(image, box, self._images.side, self._images.middle.kernel)


def decode(content: tf.Tensor, background: RGB = WHITE) -> tf.Tensor:
    """The whole image as a person sees it, [height, width, 3] uint8; see `ieg.decoding`.

    Never a part of it alone, though that would be faster: a truncated file would be readable in
    some epochs and not in others, and batches would depend on the past.

    Plain files go to TensorFlow's decoders, which work without Python's lock. By the accurate
    cosine transform JPEG has the pixels that Pillow reads, in the same time as by the fast one,
    which is the default and differs by up to 7 of 255.

    Args:
      content: scalar string, bytes of the file.
      background: color behind transparent pixels.
    """

    def jpeg() -> tf.Tensor:
        return tf.io.decode_jpeg(content, CHANNELS, dct_method="INTEGER_ACCURATE")

    def png() -> tf.Tensor:
        return tf.io.decode_png(content, CHANNELS)

    def plain() -> tf.Tensor:
        return tf.cond(tf.strings.substr(content, 0, 2) == b"\xff\xd8", jpeg, png)

    def right() -> tf.Tensor:
        return _by_python(partial(decoding.pixels, background=background), content, tf.uint8)

    def looked_at() -> tf.Tensor:
        return tf.cond(_by_python(decoding.is_plain, content, tf.bool), plain, right)

    image = tf.cond(_is_bare(content), jpeg, looked_at)
    return tf.ensure_shape(image, [None, None, CHANNELS])


def _place(root: str, path: tf.Tensor) -> tf.Tensor:
    """The file to open. TensorFlow itself takes "link/.." for the folder that the link is in."""
    whole = tf.strings.regex_full_match(path, "/.*")
    joined = tf.where(whole, path, tf.strings.join([root, path], separator="/"))
    climbs = tf.strings.regex_full_match(joined, r"(.*/)?\.\./.*")
    return tf.cond(climbs, lambda: _resolved(joined), lambda: joined)


def _resolved(path: tf.Tensor) -> tf.Tensor:
    """A path without links, "." and ".."."""
    return tf.ensure_shape(_by_python(os.path.realpath, path, tf.string), [])


def _is_bare(content: tf.Tensor) -> tf.Tensor:
    """True for a small JPEG whose header has a comment and tables at most, which is plain.

    It saves most small files the call of Python, which takes a fifth of the time of a view.
    """
    head = tf.cast(tf.io.decode_raw(content, tf.uint8, fixed_length=_HEAD), tf.int32)
    after = _NEXT + 2 + 256 * head[_NEXT + 2] + head[_NEXT + 3]
    place = tf.where(head[_NEXT + 1] == _COMMENT, tf.minimum(after, _HEAD - 2), _NEXT)
    table = (head[place] == 0xFF) & (head[place + 1] == _TABLE)
    return table & tf.reduce_all(head[:6] == _JFIF) & (tf.strings.length(content) < _SMALL)


def _by_python(function: Callable[[bytes], Any], content: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A function of the bytes of a file as a node of the graph."""

    def call(content: Any) -> Any:  # bytes; outside of graphs an array of one object
        return function(np.asarray(content, object).item())

    # A stateful node would keep deterministic pipelines from decoding in parallel.
    return tf.numpy_function(call, [content], dtype, stateful=False)


def _is_direct(path: bytes) -> bool:
    """True for a relative path without "." and "..", which need not be looked into further."""
    return not path.startswith(b"/") and not {b"", b".", b".."} & set(path.split(b"/"))


def first_few(names: list[str], count: int = 3) -> str:
    """First names of a list for a message, and the number of the others.

    >>> first_few(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(names) - count
    return ", ".join(names[:count]) + (f" and {more:,} more" if more > 0 else "")


def _reason(error: Exception) -> str:
    """Message of an error without its place in the graph or in the code."""
    message = error.message if isinstance(error, tf.errors.OpError) else str(error)
    return textwrap.shorten(re.sub(r"\{\{.*?\}\}|\[Op:.*", "", message), 150)
