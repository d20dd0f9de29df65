"""An image classification set of TensorFlow Datasets, `dataset=tfds:NAME[/CONFIG][:VERSION]`.

Its images are written once as files, as they are encoded, to `<dataset_dir>/tfds/<name>/<split>/`.
From then on they are read like those of a folder, and without that package.
"""

import difflib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ieg import atomic
from ieg.data import file_source, listing, tfds
from ieg.data.files import first_few
from ieg.data.left_out import LeftOut
from ieg.data.listing import Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry
from ieg.data.sources.folder import PRESET, SIDE
from ieg.errors import InputError

FOLDER = "tfds"
SPLITS = ("train", "test", "validation")
_INDEX = "examples.json"
_NAME = re.compile(r"[a-z0-9_]+(/[\w.-]+)?(:[\w.-]+)?")


def load(request: Request) -> Source:
    """Load a data set of that package; the first time, download and write it.

    Raises:
      InputError: there is none of that name, it cannot be had, or it has no images with labels.
    """
    name, folder = request.path, Path(request.dataset_dir).expanduser()
    if not _NAME.fullmatch(name):
        raise _error(name, "must be tfds:NAME, tfds:NAME/CONFIG or tfds:NAME/CONFIG:VERSION")
    root = folder / FOLDER / re.sub("[/:]", "-", name)
    if not root.exists():
        _write(name, folder, root)
    index, left_out = _index(root / _INDEX), LeftOut()
    classes = index["class_names"]
    listing.check_classes(classes, f"tfds:{name}", left_out)
    lists = {split: Listed.of(**columns) for split, columns in index["splits"].items()}
    train, validation, made_split = lists["train"], lists.get("validation"), None
    without = [classes[k] for k in sorted(set(range(len(classes))) - set(train.labels.tolist()))]
    if without:
        raise _error(name, f"classes without any training image: {first_few(without)}")
    if index["not_read"]:
        left_out.notes.append(f"splits that are not read: {first_few(index['not_read'])}")
    if validation is not None:
        left_out.note_validation("validation", is_test="test" not in lists)
    test = lists.get("test", validation)
    if test is None:
        train, test, made_split = listing.split_off(train, classes, request.seed, left_out)
        left_out.notes.append("there is no test split: a fifth of the images of each class is one")
    left_out.warn()
    return file_source.make_source(
        request,
        root,
        SIDE,
        classes,
        train=train,
        test=test,
        validation=validation,
        true_labels=file_source.unknown(train),
        views=file_source.small_views,
        made_split=made_split,
        note=f"{index['full_name']} of TensorFlow Datasets",
    )


def _index(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"cannot read {path}: remove {path.parent}, which is then written again"
        ) from None


def _write(name: str, folder: Path, root: Path) -> None:
    """Write the images of all splits and their index.

    Raises:
      InputError: see `load`.
    """
    package = tfds.package()
    _check(package, name, _builder(package, name))
    try:
        builder = tfds.prepared(package, name, folder)
    except InputError as error:
        advice = f"where there is a network, tfds build {name} --data_dir={folder} prepares it"
        raise _error(name, f"{error}; {advice}") from None
    logging.getLogger("ieg").warning("the images of tfds:%s are written to %s, once", name, root)
    splits = [split for split in SPLITS if split in builder.info.splits]
    with atomic.replacing_folder(root) as new:
        columns = {split: _write_split(package, builder, split, new) for split in splits}
        index = {
            "full_name": builder.info.full_name,
            "class_names": builder.info.features["label"].names,
            "splits": {split: lists for split, lists in columns.items() if lists["paths"]},
            "not_read": [split for split in builder.info.splits if split not in splits],
        }
        if "train" not in index["splits"]:
            found = ", ".join(builder.info.splits) or "none"
            raise _error(name, f"has no split train with labels; its splits: {found}")
        (new / _INDEX).write_text(json.dumps(index), encoding="utf-8")


def _write_split(package: Any, builder: Any, split: str, root: Path) -> dict[str, list]:
    """Write the images of a split that have a label.

    Returns:
      columns paths, relative to the root, and labels.
    """
    names = builder.info.features["label"].names
    digits = len(str(len(names)))
    slugs = [re.sub("[^A-Za-z0-9]+", "-", name)[:40] for name in names]
    folders = [f"{split}/{k:0{digits}d}-{slug}" for k, slug in enumerate(slugs)]
    for inside in folders:
        (root / inside).mkdir(parents=True)
    undecoded = package.decode.PartialDecoding(
        {"image": True, "label": True}, decoders={"image": package.decode.SkipDecoding()}
    )
    paths, labels = [], []
    examples = builder.as_dataset(split=split, decoders=undecoded)
    for number, example in enumerate(package.as_numpy(examples)):
        content, label = example["image"], int(example["label"])
        if label < 0:  # as in test splits of competitions
            continue
        suffix = "jpg" if content.startswith(b"\xff\xd8") else "png"
        paths.append(f"{folders[label]}/{number:07d}.{suffix}")
        labels.append(label)
        (root / paths[-1]).write_bytes(content)
    return {"paths": paths, "labels": labels}


def _builder(package: Any, name: str) -> Any:
    """Builder of a data set, of which nothing needs to be prepared.

    Raises:
      InputError: there is none of that name, configuration or version.
    """
    try:
        return package.builder(name)
    except Exception as error:  # each cause has its own, some of them with pages of text
        known = package.list_builders(with_community_datasets=False)
        bare = re.split("[/:]", name)[0]
        if bare in known:
            raise _error(name, tfds.brief(error)) from None
        near = difflib.get_close_matches(bare, known)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        raise _error(
            name,
            f"TensorFlow Datasets has no such data set{hint}; see "
            "https://www.tensorflow.org/datasets/catalog/overview",
        ) from None


def _check(package: Any, name: str, builder: Any) -> None:
    """Refuse a data set whose examples are not an image in 8 or 16 bits with a class."""
    features: Mapping[str, Any] = {}
    if isinstance(builder.info.features, package.features.FeaturesDict):
        features = dict(builder.info.features.items())
    image, label = features.get("image"), features.get("label")
    listed = f"its examples have {first_few(list(features), 8) or 'no named features'}"
    if not _is_image(package, image):
        raise _error(name, f"no image classification set: no image is called image; {listed}")
    if not isinstance(label, package.features.ClassLabel) or not label.num_classes:
        raise _error(name, f"no image classification set: no class is called label; {listed}")


def _is_image(package: Any, feature: Any) -> bool:
    """True for still images in 8 or 16 bits, which PNG and JPEG hold."""
    return type(feature) is package.features.Image and feature.np_dtype in (np.uint8, np.uint16)


def _error(name: str, problem: str) -> InputError:
    return InputError(problem, option="dataset", value=f"tfds:{name}")


REGISTRY.register("tfds")(
    SourceEntry(load, PRESET, files=True, takes_name=True, backbone="efficientnet_lite0")
)
