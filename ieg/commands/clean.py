"""`--mode=clean`: a data set with the decisions on its labels applied, for use elsewhere."""

from pathlib import Path

from rich.console import Console

from ieg.config import Config
from ieg.data import dataset
from ieg.errors import InputError
from ieg.exporting import cleaned


def run(config: Config, console: Console) -> int:
    """Write a folder or a table; returns the exit status. No run is needed or touched.

    Raises:
      InputError: decisions or the place to write to are missing, or do not fit; see
        `cleaned.write_folder`.
    """
    if config.data.label_corrections is None:
        raise InputError("`mode=clean` needs decisions to apply: `label_corrections=FILE`")
    if config.run.output is None:
        raise InputError("`mode=clean` needs a place to write to: `output=FOLDER` or NAME.csv")
    data = dataset.prepare(
        config.data, seed=config.run.seed, own_probe=True, name=config.dataset, entry=config.source
    )
    path = Path(config.run.output).expanduser()
    if config.dataset.base == "folder" and _is_within(path, Path(config.dataset.path or "")):
        raise InputError(
            "lies in the data set itself; write elsewhere", option="output", value=path
        )
    if path.suffix.lower() == ".csv":
        cleaned.write_table(data, path)
    else:
        cleaned.write_folder(data, path, copy=config.run.copy_files)
    done = data.corrections
    assert done is not None  # asked for above
    console.print(
        f"{len(data.train_indices):,} examples to train on, {done.relabelled:,} of them with "
        f"another label, {done.dropped:,} left out; saved as {path}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.expanduser().resolve())
