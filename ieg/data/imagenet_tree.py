"""Write ImageNet from TensorFlow Datasets as the tree of files that --dataset=imagenet reads.

    python -m ieg.data.imagenet_tree --dataset_dir=data --split=val

Needs `imagenet2012` prepared by that package, which wants the official archives. The JPEGs are
written as they are, undecoded: 6 GB for val, 140 GB for train. Files that are there already stay,
so an interrupted command goes on where it stopped.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ieg.quiet  # noqa: F401

from ieg.data.sources.imagenet import FOLDER
from ieg.data.tfds import package
from ieg.errors import InputError

#: Folder of the tree → split of TensorFlow Datasets.
SPLITS = {"train": "train", "val": "validation"}


def main(argv: Sequence[str]) -> int:
    """Write the splits that are asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset_dir", default="./data")
    parser.add_argument("--split", action="append", choices=tuple(SPLITS), help="default: both")
    parser.add_argument("--tfds_dir", help="where imagenet2012 is prepared, if not as usual")
    arguments = parser.parse_args(argv)
    try:
        tfds = package()
        builder = tfds.builder("imagenet2012", data_dir=arguments.tfds_dir)
        if not os.path.isdir(builder.data_dir):
            raise InputError(
                f"imagenet2012 is not prepared in {builder.data_dir}; give its place by --tfds_dir"
            )
        for split in arguments.split or SPLITS:
            root = Path(arguments.dataset_dir).expanduser() / FOLDER / split
            print(f"{write(builder, tfds, split, root):,} images written to {root}")
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write(builder: Any, tfds: Any, split: str, root: Path) -> int:
    """Write `root/<wnid>/<file name>` for every image of a split.

    Args:
      builder: a `tfds.core.DatasetBuilder` whose data are prepared.
      tfds: the module `tensorflow_datasets`.
      split: "train" or "val".
      root: the folder of the split.
    Returns:
      number of files written, without those that were there already.
    """
    wnids = builder.info.features["label"].names
    decoders = {"image": tfds.decode.SkipDecoding()}
    written = 0
    for example in tfds.as_numpy(builder.as_dataset(split=SPLITS[split], decoders=decoders)):
        path = root / wnids[int(example["label"])] / os.path.basename(example["file_name"].decode())
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(example["image"])
        os.replace(temporary, path)
        written += 1
    return written


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
