"""Settings of a run: method, command, folder and seed."""

from collections.abc import Mapping
from dataclasses import dataclass

from ieg.options import option

#: Mode → what it does. Each is a module of `ieg.commands`.
MODES: Mapping[str, str] = {
    "train": "train a run, or go on with one that was stopped",
    "audit": "list labels that are probably wrong, copies, outliers and images in bad condition, "
    "of a run or without training",
    "clean": "write the data set with the decisions of --label_corrections applied",
    "evaluation": "measure a checkpoint",
    "export": "write a model that loads without this package",
    "predict": "label the images of --input",
    "embed": "compute the features of --backbone",
    "pack": "write image files of your own into a few large ones",
    "show_data": "draw a sheet of training images",
    "visualize": "draw what the method of a checkpoint has learned",
}


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run; each field is a flag."""

    method: str = option("ieg", "name of the training method")
    mode: str = option(
        "train",
        f"command to run: {'; '.join(f'{mode} ({what})' for mode, what in MODES.items())}",
        choices=tuple(MODES),
        experiment=False,
    )
    input: str | None = option(
        None,
        "for --mode=predict: a folder of images, one image, or a CSV file with a column path",
        experiment=False,
    )
    output: str | None = option(
        None,
        "for --mode=clean: a new folder (SPLIT/CLASS/FILE), or a table if the name ends with .csv; "
        "for --mode=pack: a new folder, to be read as packed:PATH",
        experiment=False,
    )
    copy_files: bool = option(
        False,
        "for --mode=clean: fill the folder with copies of the images, not symbolic links",
        experiment=False,
    )
    export_format: str = option(
        "keras,saved_model",
        "for --mode=export: formats of the model, comma separated: keras, saved_model, litert, "
        "onnx (which needs ieg[onnx])",
        experiment=False,
    )
    shard: str | None = option(
        None,
        "for --mode=embed: i/n for the i-th of n equal parts of the images, so that n processes "
        "share the work",
        experiment=False,
    )
    own_code: str | None = option(
        None,
        "Python files of your own, comma separated, that add losses, methods, networks or data "
        "sets, or are told metrics; they are imported first; see docs/extending.md, "
        "docs/tracking.md",
        experiment=False,
    )
    checkpoint_path: str = option("/tmp/ieg", "folder that holds the run folders", experiment=False)
    restore_step: int = option(
        0,
        "step of the checkpoint to restore; 0: the latest; training discards everything after it",
        at_least=0,
        experiment=False,
    )
    seed: int = option(
        12345,
        "random seed of splits, label noise, initial weights, order and augmentation",
        at_least=0,
    )
    figure_format: str = option(
        "png", "file format of the figures", choices=("png", "pdf"), experiment=False
    )
    write_xlsx: bool = option(
        False, "write the curves as .xlsx too; needs openpyxl", experiment=False
    )
