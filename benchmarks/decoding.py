"""Speed of reading image files, beside TensorFlow's decoder alone.

    python -m benchmarks.decoding [DIR]

Decodes files and brings them to views of 224 pixels, as evaluation and the computing of features
do: JPEGs of a folder (made ones without it) as they are, packed by `--mode=pack`, with an
orientation tag, and as PNG and WebP. Times are those of the fastest of the rounds, in which the
kinds take turns; ratios are to the same views of the JPEGs by `tf.io.decode_image`. On a machine
that does other things too, look at the CPU time.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.tables import print_table
from ieg.data import packed
from ieg.data.files import CHANNELS, Damage, FileImages
from ieg.data.sources import Source, Split

_BATCH, _SIDE = 32, 224


class _ByTensorFlow(FileImages):
    """Files of which nothing is looked at before they are decoded."""

    def decode(self, path: tf.Tensor) -> tf.Tensor:
        content = tf.io.read_file(tf.strings.join([self.root, path], separator="/"))
        image = tf.io.decode_image(content, CHANNELS, expand_animations=False)
        return tf.ensure_shape(image, [None, None, CHANNELS])


def main(argv: Sequence[str]) -> int:
    """Print images per second and ratios; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of JPEGs, also below it")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        kinds = _write(Path(folder), arguments.folder, arguments.images)
        seconds = {name: np.full(2, np.inf) for name in kinds}
        for _ in range(arguments.rounds + 1):  # the first one traces
            for name, images in kinds.items():
                seconds[name] = np.minimum(seconds[name], _time(images))
    count, alone = len(next(iter(kinds.values()))), seconds["JPEG, TensorFlow alone"]
    rows = [
        [name, f"{count / least[0]:,.0f}", *(f"{ratio:.2f}" for ratio in least / alone)]
        for name, least in seconds.items()
    ]
    said = f"{count} images, views of {_SIDE} pixels"
    print_table(["files", "images/s", "time", "CPU time"], rows, said)
    return 0


def _write(root: Path, source: Path | None, count: int) -> dict[str, FileImages]:
    """Write the same pictures as files of each kind."""
    given = sorted(source.rglob("*.jpg")) if source else []
    given = given[:: max(1, len(given) // count)][:count]
    rng, turned = np.random.default_rng(0), Image.Exif()
    turned[274] = 6
    names: list[str] = []
    for number in range(len(given) or count):
        jpeg = root / f"{number}.jpg"
        if given:
            jpeg.write_bytes(given[number].read_bytes())
        else:
            coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3)).astype(np.uint8))
            coarse.resize((320, 240), Image.Resampling.BICUBIC).save(jpeg, quality=90)
        with Image.open(jpeg) as image:
            image.save(root / f"{number}.turned.jpg", exif=turned, quality=90)
            image.save(root / f"{number}.png")
            image.save(root / f"{number}.webp")
        names.append(str(number))

    def files(ending: str, kind: type[FileImages] = FileImages) -> FileImages:
        paths = np.array([f"{name}{ending}".encode() for name in names])
        return kind(str(root), paths, _SIDE, Damage(len(paths), 0.0)).whole_squares()

    return {
        "JPEG, TensorFlow alone": files(".jpg", _ByTensorFlow),
        "JPEG": files(".jpg"),
        "JPEG, packed": _packed(files(".jpg"), root / "packed"),
        "JPEG with an orientation": files(".turned.jpg"),
        "PNG": files(".png"),
        "WebP": files(".webp"),
    }


def _packed(images: FileImages, folder: Path) -> FileImages:
    labels = np.zeros(len(images), np.int64)
    split, nothing = Split(images, labels), images.with_paths(images.paths[:0])
    packed.write(Source(split, Split(nothing, labels[:0]), ("any",), None, None), folder)
    return FileImages(
        str(folder), images.paths, _SIDE, images.damage, pack=packed.read(folder).pack
    ).whole_squares()


def _time(images: FileImages) -> np.ndarray:
    """Seconds for one view of each, and of CPU time."""
    places = np.minimum(np.arange(-(-len(images) // _BATCH) * _BATCH), len(images) - 1)
    start = np.array([time.perf_counter(), time.process_time()])
    for _ in images.loader().test_batches(places.reshape(-1, _BATCH)):
        pass
    return np.array([time.perf_counter(), time.process_time()]) - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
