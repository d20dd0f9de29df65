"""`--mode=predict`: probabilities of the classes for image files that nobody has labeled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console

from ieg.augment.area import WHOLE
from ieg.config import Config
from ieg.data import listing, names
from ieg.data.files import CHANNELS, FileImages
from ieg.data.images import readable
from ieg.data.pipeline import sweep
from ieg.errors import InputError
from ieg.evaluation.confidence import probabilities
from ieg.experiment import Experiment
from ieg.exporting.network import full_network
from ieg.report.announce import announce
from ieg.restoring import restored

#: Predictions of so many images are printed as well.
_PRINTED = 10


def run(config: Config, console: Console) -> int:
    """Write a table into the run folder, one for each input and step; returns the exit status.

    Raises:
      InputError: see `restored`; or there are no images, or the run was trained on something else
        than color images.
    """
    given = config.run.input
    if given is None:
        raise InputError(
            "`mode=predict` needs images: `input=FOLDER`, an image, or a CSV file with paths"
        )
    root, paths = listing.list_images(Path(given).expanduser())
    experiment, step = restored(config, console)
    announce(experiment, console, step)
    images = _as_trained(experiment, root, paths)
    logits = _logits(experiment, images)
    usable = readable(images)
    if not usable.any():
        raise InputError(f"no image of {given} can be read: {listing.damaged_files(images)}")
    p = np.where(usable[:, np.newaxis], probabilities(logits), np.nan)
    table = columns({"path": paths}, p, experiment.dataset.class_names)
    name = f"predictions_step{step}_{names.of_path(given)}.csv"
    experiment.folder.write_table(name, table)
    listing.warn_of_damage(images)
    number = int(usable.sum())
    for row in np.flatnonzero(usable) if number <= _PRINTED else ():
        label, probability = table["predicted_label"][row], table["probability"][row]
        console.print(f"{paths[row]}: {label}, {probability:.3f}", highlight=False, markup=False)
    console.print(
        f"images: {number:,}; saved as {experiment.folder.path / name}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def columns(examples: Mapping[str, list], p: np.ndarray, classes: Sequence[Any]) -> dict[str, list]:
    """Columns predicted_label, probability and p(NAME) for each class, behind others.

    Args:
      examples: columns with N rows that tell which example a row is about.
      p: [N, K] probabilities; nan for an example without a prediction, whose label is None.
      classes: K names.

    >>> columns({"path": ["a.jpg", "no.jpg"]}, np.array([[0.2, 0.8], [np.nan] * 2]), ("ant", "bee"))
    ... # doctest: +NORMALIZE_WHITESPACE
    {'path': ['a.jpg', 'no.jpg'], 'predicted_label': ['bee', None], 'probability': [0.8, nan],
     'p(ant)': [0.2, nan], 'p(bee)': [0.8, nan]}
    """
    unknown, best = np.isnan(p).any(axis=1), p.argmax(axis=1)
    return {
        **examples,
        "predicted_label": [
            None if missing else classes[k] for k, missing in zip(best, unknown, strict=True)
        ],
        "probability": p[np.arange(len(p)), best].tolist(),
        **{f"p({name})": p[:, k].tolist() for k, name in enumerate(classes)},
    }


def _logits(experiment: Experiment, images: FileImages) -> np.ndarray:
    """[N, K] of the trained network, with its backbone in front of it."""
    weights = experiment.state.evaluated_weights()
    if experiment.backbone is None:
        return experiment.predictor(weights)(images)
    model = tf.function(full_network(experiment), autograph=False)
    alone = tf.distribute.get_strategy()
    size = experiment.config.evaluation.val_batch_size
    return sweep(images, alone, lambda pixels: model(pixels), batch_size=size, weak=None)


def _as_trained(experiment: Experiment, root: Path, paths: list[str]) -> FileImages:
    """The files as images of the size that the network was trained on."""
    ground = experiment.config.data.background_color()
    if experiment.backbone is not None:
        side = experiment.backbone.card.side
        return listing.to_predict(root, paths, side, middle=WHOLE, background=ground)
    shape = experiment.dataset.train.images.shape[1:]
    if experiment.dataset.weak is None or shape[0] != shape[1] or shape[2] != CHANNELS:
        raise InputError(
            f"`mode=predict` reads color images from files, and {experiment.dataset.name} has "
            f"examples of shape {'x'.join(map(str, shape))}; `mode=export` gives a model for them"
        )
    return listing.to_predict(root, paths, shape[0], background=ground)
