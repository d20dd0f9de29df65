"""A folder of features: each view of each image goes through the backbone once.

    backbone = backbones.load("efficientnet_lite0")
    store = FeatureStore.open("features/photos", backbone, Views(weak=4))
    pictures = Pictures(dataset.train.images)
    store.compute(pictures)          # only those that are missing; may be killed at any moment
    table = store.read(pictures)     # [N, 5, 1280] float16

Several machines share the work on one folder, or on folders whose shards are copied together
afterwards: `store.compute(pictures, part=(2, 3))` is the second of three parts.

A feature depends on the image, the view and the backbone alone. Batches have a fixed size and are
filled up with zeros, since a convolution on a CPU sums in another order when it is given a single
image; within a batch of a size, results do not depend on the other images, on the place or on the
number of threads (measured; EfficientNet-Lite0 on TensorFlow 2.21, with oneDNN and without).
Machines with other instructions, and GPUs, round differently in the last bits.
"""

from __future__ import annotations

import errno
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ieg import mapped
from ieg.backbones import Backbone
from ieg.data.files import first_few
from ieg.errors import InputError
from ieg.features import shards
from ieg.features.cached import CachedImages
from ieg.features.pictures import Pictures
from ieg.features.places import KEY, Keys, Places, as_keys
from ieg.features.shards import UNFINISHED, Shard
from ieg.features.views import DRAWS, Views, middle_view, strong_views, weak_view

FORMAT = 1
_FACTS = "features.json"
#: Images in a shard: as much work a killed process loses at most.
SHARD_IMAGES = 256
#: Images whose decoding is planned at once, in shards: a plan takes a second, and memory.
_STRETCH = 8
#: Views that go through the backbone at once.
BATCH = 32
#: Numbers of a table in memory, 1 GB; larger ones are mapped from a temporary file.
_IN_MEMORY = 1 << 29
_NO_IMAGE = b""  # as NumPy shows `KEY` zeros

#: Called with the number of images that are done and that of all.
Progress = Callable[[int, int], None]


class FeatureStore:
    """Features of one backbone in one folder, or in several to be read; `open` makes it.

    Attributes:
      definitions: a line for each view, see `Views.definitions`.
      folders: all that are read; the first one is written to.
    """

    def __init__(
        self, folder: Path, backbone: Backbone, views: Views, others: Sequence[Path] = ()
    ) -> None:
        self.folder = folder
        self.backbone = backbone
        self.views = views
        self.definitions = views.definitions(backbone.card.side)
        self.folders = (folder, *others)
        #: Shard → its number.
        self._shards: dict[Path, int] = {}
        self._damaged: set[Path] = set()
        self._places = Places()
        self._network = tf.function(
            lambda pixels: backbone.model(pixels, training=False), autograph=False
        )

    @classmethod
    def open(cls, folder: str | Path, backbone: Backbone, views: Views) -> FeatureStore:
        """The store in a folder, which is made where there is none.

        Args:
          folder: of this backbone alone; views of other definitions may be there too.
          backbone: whose features they are.
          views: to be kept of each image.
        Raises:
          InputError: the folder has features of another backbone or of a later version of ieg, is
            no folder of features, or can be neither read nor made.
        """
        path = Path(folder).expanduser()
        facts = _wanted_facts(backbone)
        try:
            found = _facts(path)
            if found is None:
                path.mkdir(parents=True, exist_ok=True)
                _write_facts(path, facts)
        except OSError as error:
            raise _unusable(path, error) from None
        if found is not None:
            _check(path, found, facts)
        shards.sweep(path)
        return cls(path, backbone, views)

    @classmethod
    def merged(cls, folder: str | Path, backbone: Backbone, views: Views) -> FeatureStore:
        """The stores in a folder and in those below it as one, to be read.

        Args:
          folder: has a store, or folders with one each, such as those of several machines.
          backbone, views: as for `open`.
        Raises:
          InputError: there is no store, one is of another backbone, or a shard is damaged.
        """
        path = Path(folder).expanduser()
        folders = sorted(facts.parent for facts in path.rglob(_FACTS))
        if not folders:
            raise InputError(f"{path} has no features; `mode=embed` computes them")
        for one in folders:
            _check(one, _facts(one) or {}, _wanted_facts(backbone))
        kept = cls(folders[0], backbone, views, folders[1:])
        if damaged := kept._open_new():
            names = first_few([str(shard) for shard in damaged])
            raise InputError(f"damaged or written by half: {names}; copy or compute them again")
        return kept

    def missing(self, pictures: Pictures) -> np.ndarray:
        """Numbers of the images of which a view is missing, ascending; unreadable ones are."""
        self._refresh()
        return np.flatnonzero(~self._there(as_keys(pictures.keys)).all(axis=1))

    def compute(
        self,
        pictures: Pictures,
        part: tuple[int, int] = (1, 1),
        progress: Progress | None = None,
    ) -> None:
        """Compute what is missing of some images and keep it, shard by shard.

        Image files that cannot be decoded are entered into the damage of their data set.

        Args:
          pictures: the images.
          part: (i, n) for the i-th of n equal parts, 1 ≤ i ≤ n. Which part an image belongs to
            depends on `pictures` alone, so n processes do everything, and nothing twice.
          progress: is told of each batch; images of this part that were there already count as
            done.
        Raises:
          InputError: the folder cannot be written to, or the backbone gives values that are not
            finite in float16.
          TrainingStopped: too many files are damaged.
        """
        self._refresh()
        keys = as_keys(pictures.keys)
        unreadable = keys == _NO_IMAGE
        if unreadable.any():
            pictures.report_damage(np.flatnonzero(unreadable).tolist())
        first = np.sort(np.unique(keys, return_index=True)[1])  # of images of equal content
        mine = _part(first[~unreadable[first]], part)
        there = self._there(keys[mine])
        done, total = int(there.all(axis=1).sum()), len(mine)
        if done < total:
            self._check_writable()
        size = _STRETCH * SHARD_IMAGES
        for views, numbers in _by_missing(mine, there):
            for begin in range(0, len(numbers), size):
                stretch = [(pictures.keys[i], i) for i in numbers[begin : begin + size].tolist()]
                for finished in self._write_stretch(pictures, stretch, views):
                    if progress is not None:
                        progress(done + finished, total)
                done += len(stretch)
        if progress is not None:
            progress(total, total)

    def read(self, pictures: Pictures) -> np.ndarray:
        """All views of all images, [N, V, D] float16; zeros for those that are missing.

        A large table is mapped from a temporary file that nobody else sees.
        """
        self._refresh()
        shape = (len(pictures), len(self.views), self.backbone.card.features)
        table = mapped.zeros(shape, np.float16, self.folder, most=_IN_MEMORY)
        paths = list(self._shards)
        for found in self._places.find(as_keys(pictures.keys)):
            order = np.argsort(found.shard, kind="stable")
            for some in np.split(order, np.flatnonzero(np.diff(found.shard[order])) + 1):
                if len(some):
                    shard = _read(paths[found.shard[some[0]]])
                    rows, to = found.row[some], found.wanted[some]
                    for view in found.views:
                        column = shard.views.index(self.definitions[view])
                        table[to, view] = shard.features[rows, column]
        return table

    def images(self, pictures: Pictures) -> CachedImages:
        """The images as features, from which batches are made; files found damaged stay so.

        Raises:
          InputError: an image has no features yet.
        """
        missing = np.zeros(len(pictures), bool)
        missing[self.missing(pictures)] = True
        damaged = pictures.damaged()
        absent = missing if damaged is None else missing & ~damaged
        if absent.any():
            raise InputError(
                f"{self.folder} lacks features of {absent.sum():,} of {len(pictures):,} images; "
                "`mode=embed` computes them"
            )
        return CachedImages(self.read(pictures), self.views, damaged)

    def _there(self, keys: Keys) -> np.ndarray:
        """[N, V] bool, the views of images that shards have."""
        there = np.zeros([len(keys), len(self.definitions)], bool)
        for found in self._places.find(keys):
            there[np.ix_(found.wanted, np.array(found.views))] = True
        return there

    def _refresh(self) -> None:
        """Open shards that have appeared since the last time."""
        for path, reason in self._open_new().items():
            logging.getLogger("ieg").warning(
                "%s is damaged (%s): its images are looked at again", path, reason
            )

    def _open_new(self) -> dict[Path, str]:
        """Open new shards; return the damage of those that cannot be read."""
        reasons = {}
        for folder in self.folders:
            for path in sorted(folder.glob(f"*{shards.SUFFIX}")):
                if path not in self._shards and path not in self._damaged:
                    try:
                        self._open_shard(path)
                    except shards.Damaged as error:
                        reasons[path] = str(error)
        self._damaged.update(reasons)
        return reasons

    def _open_shard(self, path: Path) -> None:
        shard = shards.read(path)
        if shard.features.shape[2] != self.backbone.card.features:
            raise shards.Damaged("its features have another length")
        number = self._shards.setdefault(path, len(self._shards))
        views = tuple(v for v, line in enumerate(self.definitions) if line in shard.views)
        if views and len(shard.keys):
            self._places.add(number, views, shard.keys)

    def _write_stretch(
        self, pictures: Pictures, images: list[tuple[bytes, int]], views: tuple[int, ...]
    ) -> Iterator[int]:
        """Compute the same views of some images and write shards; yield the number that is done."""
        size, readable = SHARD_IMAGES, set[int]()
        keys: list[bytes] = []
        table = np.zeros([0, len(views), self.backbone.card.features], np.float16)
        for found, features in self._features(pictures, images, views):
            readable.update(found)
            keys += [images[i][0] for i in found]
            table = np.concatenate([table, self._halved(features)])
            while len(keys) >= size:
                self._write(keys[:size], views, table[:size])
                keys, table = keys[size:], table[size:]
            yield len(readable)
        if keys:
            self._write(keys, views, table)
        lost = [number for i, (_, number) in enumerate(images) if i not in readable]
        if lost:
            pictures.report_damage(lost)

    def _halved(self, features: np.ndarray) -> np.ndarray:
        """The same as float16."""
        with np.errstate(over="ignore"):
            halved = features.astype(np.float16)
        if not np.isfinite(halved).all():
            raise InputError(
                f"{self.backbone.card.name} gives features that are not finite in float16; is its "
                "scale of the input the right one?"
            )
        return halved

    def _write(self, keys: list[bytes], views: tuple[int, ...], table: np.ndarray) -> None:
        """Write one shard, which counts from then on."""
        definitions = [self.definitions[view] for view in views]
        path = self.folder / shards.name(keys, definitions)
        stacked = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY)
        try:
            shards.write(path, Shard(stacked, definitions, table))
        except OSError as error:
            raise _unusable(self.folder, error) from None
        self._damaged.discard(path)
        self._open_shard(path)

    def _features(
        self, pictures: Pictures, images: list[tuple[bytes, int]], views: tuple[int, ...]
    ) -> Iterator[tuple[list[int], np.ndarray]]:
        """Places of readable images and their features [n, len(views), D], in order."""
        count = len(views)
        pixels = _pixels(pictures, images, views, self.views, self.backbone.card.side)
        waiting: list[int] = []
        rest = np.zeros([0, self.backbone.card.features], np.float32)
        for places, batch in pixels.unbatch().batch(BATCH).map(_filled).prefetch(2):
            waiting += places.numpy().tolist()
            outputs = self._network(batch).numpy()[: len(places)]
            rest = np.concatenate([rest, outputs])
            whole = len(rest) // count
            if whole:
                rows = waiting[: whole * count : count]
                yield rows, rest[: whole * count].reshape(whole, count, -1)
                waiting, rest = waiting[whole * count :], rest[whole * count :]

    def _check_writable(self) -> None:
        """Refuse a folder that cannot be written to, before any work."""
        try:
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise _unusable(self.folder, error) from None


def _by_missing(
    numbers: np.ndarray, there: np.ndarray
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Views that are missing, and numbers of the images [n] of which they are.

    Args:
      numbers: [m] of images.
      there: [m, V] bool, their views that are there already.
    """
    kinds, first, kind = np.unique(there, axis=0, return_index=True, return_inverse=True)
    for k in np.argsort(first):
        if not kinds[k].all():
            yield tuple(np.flatnonzero(~kinds[k]).tolist()), numbers[kind == k]


def _part(images: np.ndarray, part: tuple[int, int]) -> np.ndarray:
    """The i-th of n parts of about equal size; whole batches, which are thus the same for any n."""
    batches = -(-len(images) // BATCH)
    first, last = (batches * i // part[1] * BATCH for i in (part[0] - 1, part[0]))
    return images[first:last]


def _pixels(
    pictures: Pictures,
    images: list[tuple[bytes, int]],
    views: tuple[int, ...],
    recipe: Views,
    side: int,
) -> tf.data.Dataset:
    """For each readable image its place [V] and its views [V, side, side, 3], decoded once."""
    kinds = [recipe.kind(view) for view in views]
    contents = pictures.contents(np.array([number for _, number in images], np.int64))
    draws = np.zeros([len(images), len(views), DRAWS], np.float32)
    for i, (key, _) in enumerate(images):
        for j, view in enumerate(views):
            if kinds[j] != "middle":
                draws[i, j] = recipe.draws(key, view)
    strong = [j for j, kind in enumerate(kinds) if kind == "strong"]

    def look(place: tf.Tensor, content: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = pictures.decode(content)
        seen = [
            middle_view(image, side)
            if kind == "middle"
            else weak_view(image, draws[j], recipe, side)
            for j, kind in enumerate(kinds)
        ]
        pixels = tf.stack(seen)
        if strong:  # the last ones, since views are in order
            first = strong[0]
            augmented = strong_views(pixels[first:], draws[first:], recipe, side)
            pixels = tf.concat([pixels[:first], augmented], axis=0)
        return tf.repeat(place, len(views)), pixels

    rows = tf.data.Dataset.from_tensor_slices((np.arange(len(images)), contents, draws))
    looked = rows.map(look, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return looked.ignore_errors()


def _filled(places: tf.Tensor, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The same with zeros behind the last image, so that each batch has one size."""
    missing = BATCH - tf.shape(pixels)[0]
    filled = tf.pad(pixels, [[0, missing], [0, 0], [0, 0], [0, 0]])
    return places, tf.ensure_shape(filled, [BATCH, *pixels.shape[1:]])


def _read(path: Path) -> Shard:
    try:
        return shards.read(path)
    except shards.Damaged as error:
        raise InputError(
            f"{path} was damaged or removed meanwhile ({error}); the same command makes it again"
        ) from None


def _wanted_facts(backbone: Backbone) -> dict[str, Any]:
    """Facts that belong into a folder of the features of a backbone."""
    return {
        "format": FORMAT,
        "backbone": backbone.card.name,
        "digest": backbone.digest,
        "features": backbone.card.features,
    }


def _facts(folder: Path) -> dict[str, Any] | None:
    """Facts in a folder of features; None for a folder that is empty or not there.

    Raises:
      InputError: it holds something else.
    """
    try:
        found = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    except FileNotFoundError:
        if not folder.exists() or all(p.suffix == UNFINISHED for p in folder.iterdir()):
            return None
        raise InputError(
            f"{folder} holds other files and no {_FACTS}: give a folder of its own to features"
        ) from None
    except ValueError:
        pass
    raise InputError(f"{folder / _FACTS} is damaged; remove the folder to compute features anew")


def _write_facts(folder: Path, facts: dict[str, Any]) -> None:
    with shards.replacing(folder / _FACTS) as file:
        file.write(json.dumps(facts, indent=2).encode())


def _check(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a folder of another backbone or of a later version."""
    version = found.get("format")
    if not isinstance(version, int) or version > FORMAT:
        raise InputError(
            f"{folder} was written by a newer ieg (format {version}, this one reads {FORMAT}): "
            "take that version, or another folder"
        )
    if found.get("digest") != wanted["digest"] or found.get("features") != wanted["features"]:
        same = found.get("backbone") == wanted["backbone"]
        which = "the same backbone with other weights" if same else found.get("backbone")
        raise InputError(
            f"{folder} has features of {which}, not of {wanted['backbone']}: give each backbone a "
            "folder of its own"
        )


def _unusable(folder: Path, error: OSError) -> InputError:
    said = error.strerror or str(error)
    more = "; what is there already is kept" if error.errno == errno.ENOSPC else ""
    return InputError(f"features cannot be kept in {folder}: {said}{more}")
