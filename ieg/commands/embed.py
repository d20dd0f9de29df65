"""`--mode=embed`: the features of a backbone for all images of a data set, computed and kept."""

import time

from rich.console import Console

from ieg import construction
from ieg.config import Config
from ieg.errors import InputError
from ieg.features import embedding, progress
from ieg.features.parts import parse_part


def run(config: Config, console: Console) -> int:
    """Compute what is missing; returns the exit status.

    Every later run with the same backbone finds the features. A killed process loses at most one
    shard of images, and the same command goes on.

    Raises:
      InputError: there is no backbone or its weights cannot be had, the examples are no images, or
        the folder of features cannot be used.
      TrainingStopped: too many files are damaged.
    """
    if config.data.features is not None:
        raise InputError(
            "is read by training and audits; `mode=embed` writes to `feature_dir`",
            option="features",
            value=config.data.features,
        )
    part = (1, 1) if config.run.shard is None else parse_part(config.run.shard)
    backbone = construction.backbone(config)
    if backbone is None:
        raise InputError("`mode=embed` needs a `backbone`, such as `backbone=efficientnet_lite0`")
    dataset = construction.dataset(config, None, backbone)
    root, start = construction.feature_root(config), time.monotonic()
    wanted = construction.views(config)
    with progress.shown(console) as told:
        splits = embedding.compute(dataset, backbone, root, wanted, part=part, progress=told)
    embedding.finish(splits, part)
    seconds = time.monotonic() - start
    missing = sum(split.missing() for split in splits)
    count = sum(len(split.pictures) for split in splits)
    console.print(
        f"{backbone.card.name}: features of {count - missing:,} of {count:,} images are in "
        f"{splits[0].store.folder} ({seconds:.1f} s)",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0
