"""`--mode=pack`: the image files of a folder or a table in a few large files."""

import time
from pathlib import Path

from rich.console import Console

from ieg.config import Config
from ieg.data import dataset, packed
from ieg.errors import InputError

#: Data sets that can be packed: the others have views of their own.
_ABLE = ("folder", "csv")


def run(config: Config, console: Console) -> int:
    """Write the pack; returns the exit status.

    Raises:
      InputError: the data are no folder or table, there is no place to write to, or see
        `packed.write`.
    """
    if config.dataset.base not in _ABLE:
        raise InputError(
            f"`mode=pack` packs images of your own, {' or '.join(_ABLE)}",
            option="dataset",
            value=config.dataset.text,
        )
    if config.run.output is None:
        raise InputError("`mode=pack` needs a folder to write to: `output=FOLDER`")
    start, folder = time.monotonic(), Path(config.run.output).expanduser()
    source = dataset.load(config.data, config.dataset, config.source, config.run.seed)
    images, shards = packed.write(source, folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    console.print(
        f"{images:,} images, {size / 2**20:,.0f} MB, in shards ({shards:,}) in {folder} "
        f"({time.monotonic() - start:.1f} s); take them as --dataset=packed:{folder}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0
