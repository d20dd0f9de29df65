"""Settings of a run: method, command, folder and seed."""

from dataclasses import dataclass

from ieg.options import option


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run; each field is a flag."""

    method: str = option("ieg", "how to train; see the list of methods")
    mode: str = option(
        "train",
        "train; evaluation of a checkpoint; visualize, which draws what the method of a checkpoint "
        "has learned; audit, which lists the labels that it takes for wrong; export as files that "
        "load without this package; predict, which labels the images of --input; or show_data, "
        "which draws a sheet of training images",
        choices=("train", "evaluation", "visualize", "audit", "export", "predict", "show_data"),
        experiment=False,
    )
    input: str | None = option(
        None,
        "for --mode=predict: a folder of images, or a CSV file with a column path",
        experiment=False,
    )
    own_code: str | None = option(
        None,
        "Python files of your own, comma separated, that are imported first and add losses, "
        "methods, networks or data sets; see docs/extending.md",
        experiment=False,
    )
    checkpoint_path: str = option("/tmp/ieg", "root of the run folders", experiment=False)
    restore_step: int = option(
        0,
        "the step to restore, 0 being the latest; training forgets what came later",
        at_least=0,
        experiment=False,
    )
    seed: int = option(12345, "seed of split, noise, start weights, order and views", at_least=0)
    figure_format: str = option(
        "png", "of the figures of a run", choices=("png", "pdf"), experiment=False
    )
    write_xlsx: bool = option(
        False, "write the curves as .xlsx too; needs openpyxl", experiment=False
    )
