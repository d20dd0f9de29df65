"""`--mode=export`: a checkpoint as files that others load without this package."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ieg.audit import agreement
from ieg.config import Config
from ieg.data.files import FileImages
from ieg.experiment import Experiment
from ieg.exporting import card, formats, inference, package
from ieg.exporting.inference import RawInput
from ieg.exporting.network import full_network
from ieg.report.announce import announce
from ieg.restoring import restored

FOLDER = "export"


def run(config: Config, console: Console) -> int:
    """Write `export/` into the run folder; returns the exit status.

    Raises:
      InputError: see `formats.chosen` and `restored`.
    """
    names = formats.chosen(config.run.export_format)
    experiment, step = restored(config, console)
    announce(experiment, console, step)
    tested = experiment.test(experiment.predictor(experiment.state.evaluated_weights()))
    write(experiment, experiment.folder.path / FOLDER, step, tested, names)
    console.print(
        f"top-1 {tested['top1']:.4f}; saved as {experiment.folder.path / FOLDER}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def write(
    experiment: Experiment, folder: Path, step: int, tested: dict[str, Any], names: Sequence[str]
) -> None:
    """Export the weights that count.

    Args:
      experiment: restored, and not trained on afterwards: its current weights are replaced.
      folder: where to.
      step: of the weights.
      tested: their measures, see `evaluate.on_split`.
      names: of the formats.
    """
    model = inference.probability_model(full_network(experiment), raw_input(experiment))
    text = card.of_run(
        experiment.dataset,
        experiment.config.experiment(),
        step=step,
        averaged=bool(experiment.state.average),
        tested=tested,
        raw=raw_input(experiment),
        noise=_noise(experiment),
        backbone=None if experiment.backbone is None else experiment.backbone.card,
    )
    package.write(folder, model, experiment.dataset.class_names, text, names)


def raw_input(experiment: Experiment) -> RawInput:
    """Input of an exported model."""
    images, weak = experiment.dataset.train.images, experiment.dataset.weak
    files, square = isinstance(images, FileImages), experiment.square()
    if square is not None:
        return RawInput(images.shape[1:], "uint8", is_image=True, any_size=files, square=square)
    if weak is None:
        return RawInput(images.shape[1:], str(np.asarray(images).dtype), is_image=False)
    raw = RawInput(images.shape[1:], "uint8", is_image=True, any_size=files)
    return raw._replace(mean=weak.mean, deviation=weak.deviation)


def _noise(experiment: Experiment) -> str:
    """The measured noise rate, else the one that the label audit has estimated."""
    noise, audit = experiment.dataset.noise, experiment.folder.read_audit()
    known = experiment.dataset.true_labels[experiment.dataset.train_indices] >= 0
    said = []
    if noise.measured is not None:
        said.append(
            f"{noise.measured:.1%} of the {known.sum():,} training labels whose truth is known are "
            "wrong."
        )
    if audit is not None:
        doubt = agreement.doubt(audit)
        said.append(f"The label audit estimates that {audit['noise_rate']:.1%} are wrong{doubt}.")
    return " ".join(said) or "Nobody knows how many training labels are wrong."
