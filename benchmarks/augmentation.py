"""Images per second of strong augmentation, beside `keras.layers.RandAugment`.

    python -m benchmarks.augmentation

All run in `tf.data` as in training: batches of images in [-1, 1] come from memory and are augmented
in a map with two parallel calls. Ours is the whole strong view: policy, crop, flip and cutout.
Keras' layer has no crop, flip or cutout, and draws its two operations once per batch. Speeds are
medians over interleaved rounds, so that a slow spell of the machine affects all alike. Only the
ratios carry over to other machines.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ieg.quiet  # noqa: F401

import keras
import numpy as np
import tensorflow as tf

from benchmarks.tables import print_table
from ieg import keys
from ieg.augment import strong
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import scale

_IN_MEMORY = 1000  # images of 32x32; of larger ones fewer, so that all take equally much memory
_WARM_UP = 5  # batches: more than what is prefetched

View = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # images, step (scalar int64) → images


@dataclass(frozen=True)
class Size:
    """One table: policies for images of one size, with crop and cutout as in training."""

    side: int
    batch: int
    policies: tuple[str, ...]
    pad: int
    cutout: int


SIZES = (
    Size(32, 100, ("cifar10", "randaug"), pad=4, cutout=16),
    Size(224, 10, ("imagenet",), pad=8, cutout=16),
)


def main(argv: Sequence[str]) -> int:
    """Print one table per image size; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that are timed")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each view in each round")
    arguments = parser.parse_args(argv)
    for size in SIZES:
        views = {"keras.layers.RandAugment": _keras_view()}
        for policy in size.policies:
            for per_batch in (True, False):
                title = f"{policy}, sub-policy per {'batch' if per_batch else 'image'}"
                views[title] = _our_view(size, policy, per_batch)
        pipelines = [_pipeline(size, view) for view in views.values()]
        speeds = _interleaved(pipelines, arguments.rounds, arguments.seconds, size.batch)
        _print(size, list(views), speeds)
    return 0


def _keras_view() -> View:
    layer = keras.layers.RandAugment(value_range=(-1, 1), interpolation="nearest")
    return lambda images, step: layer(images, training=True)


def _our_view(size: Size, policy: str, per_batch: bool) -> View:
    how = StrongAugmentation(policy, per_batch, size.pad, flip=True, cutout=size.cutout)
    strong.check(how, (size.side, size.side, 3))

    def view(images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        draws = strong.draw(keys.stateless_seed(0, "strong view", step), size.batch, how)
        return strong.augment(images, draws, how)

    return view


def _pipeline(size: Size, view: View) -> tf.data.Dataset:
    """Infinite data set of augmented batches."""
    count = max(_IN_MEMORY * 32**2 // size.side**2, size.batch)
    rng = np.random.default_rng(0)
    # Smooth, as photographs are: noise is the worst case for histograms and caches.
    coarse = rng.uniform(0, 255, (count, 4, 4, 3)).astype(np.float32)
    images = tf.cast(tf.image.resize(coarse, [size.side, size.side]), tf.uint8)

    def batch(step: tf.Tensor) -> tf.Tensor:
        seed = keys.stateless_seed(0, "examples", step)
        index = tf.random.stateless_uniform([size.batch], seed, 0, count, tf.int32)
        return view(scale(tf.gather(images, index)), step)

    steps = tf.data.Dataset.range(2**40)
    return steps.map(batch, num_parallel_calls=2, deterministic=True).prefetch(2)


def _interleaved(
    pipelines: list[tf.data.Dataset], rounds: int, seconds: float, batch_size: int
) -> list[float]:
    """Median images per second of each pipeline."""
    speeds: list[list[float]] = [[] for _ in pipelines]
    for _ in range(rounds):
        for pipeline, measured in zip(pipelines, speeds, strict=True):
            iterator = iter(pipeline)
            for _ in range(_WARM_UP):
                next(iterator)
            batches, start = 0, time.perf_counter()
            while (taken := time.perf_counter() - start) < seconds:
                next(iterator)
                batches += 1
            measured.append(batches * batch_size / taken)
            del iterator  # or it would go on to fill its buffer while others are timed
    return [statistics.median(measured) for measured in speeds]


def _print(size: Size, titles: list[str], speeds: list[float]) -> None:
    rows = [
        [title, f"{speed:,.0f}", f"{speed / speeds[0]:.1f}"]
        for title, speed in zip(titles, speeds, strict=True)
    ]
    caption = f"{size.side}x{size.side}x3, batch {size.batch}"
    print_table(["strong view", "images/s", "ratio to Keras"], rows, caption)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
