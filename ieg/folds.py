"""Audit folds: the same run on K parts left out in turn, so that none scores what it learned.

Fold k lives in the sub-folder fold<k> of the run, goes on like any other run, and leaves the logits
of the part that it left out.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from rich.console import Console

from ieg.config import Config
from ieg.data.holdout import Fold
from ieg.errors import InputError
from ieg.experiment import Experiment, build, folder_of

#: File of a fold: the examples that it left out, and the logits of its network for them.
SCORES = "out_of_fold.npz"


def of(config: Config) -> list[Fold]:
    """The folds that were asked for.

    Raises:
      InputError: a single one, which would leave nothing to train on.
    """
    count = config.evaluation.audit_folds
    if count == 1:
        raise InputError("must be at least 2, or 0 for none", option="audit_folds", value=1)
    return [Fold(number, count) for number in range(1, count + 1)]


def build_one(config: Config, fold: Fold) -> Experiment:
    """Data, network, method and state of a fold; to go back to a step is for the run itself."""
    run = dataclasses.replace(config.run, restore_step=0)
    return build(dataclasses.replace(config, run=run), fold)


def train(
    first: Experiment, config: Config, console: Console, train_one: Callable[[Experiment], int]
) -> int:
    """Train the folds that have not been trained yet, one after the other.

    Args:
      first: of the first fold, which has been built already.
      config: of the run.
      console: where to print.
      train_one: trains, or goes on; returns the exit status, 0 at once for a finished run.
    Returns:
      the first status that is not 0, or 0.
    """
    if config.network.pretrained_ckpt is not None:
        console.print(
            "note: if the weights that each fold starts from were trained on these images, no fold "
            "scores what it has not seen",
            highlight=False,
            soft_wrap=True,
        )
    for fold in of(config):
        experiment = first if fold == first.fold else build_one(config, fold)
        held_out = experiment.dataset.held_out
        assert held_out is not None  # of a fold there always is
        console.print(
            f"audit fold {fold}: {len(experiment.dataset.train_indices):,} images to train on, "
            f"{len(held_out):,} to score",
            highlight=False,
        )
        status = train_one(experiment)
        if status:
            return status
    return 0


def save(experiment: Experiment) -> None:
    """Write the logits of the trained network of a fold for the examples that it left out."""
    held_out = experiment.dataset.held_out
    assert held_out is not None
    predict = experiment.predictor(experiment.state.evaluated_weights())
    logits = predict(experiment.dataset.train.inputs[held_out])
    experiment.folder.write_arrays(SCORES, {"index": held_out, "logits": logits})


def out_of_fold(experiment: Experiment) -> np.ndarray:
    """[n, K] logits for the examples of a run, each of the fold that left it out.

    Raises:
      InputError: a fold has not been trained, its file is not that of this run, or there are folds
        more than those asked for, so that some examples were left out by none of them.
    """
    indices = experiment.dataset.train_indices
    together = np.full([len(indices), experiment.dataset.num_classes], np.nan, np.float32)
    scored = np.zeros(len(indices), bool)
    for fold in of(experiment.config):
        path = folder_of(experiment.config, fold).path / SCORES
        try:
            with np.load(path, allow_pickle=False) as arrays:
                index, logits = arrays["index"], arrays["logits"]
            rows = np.searchsorted(indices, index)
            if not np.array_equal(indices[rows], index):
                raise ValueError("it scores images that are not those of this run")
            together[rows], scored[rows] = logits, True
        except FileNotFoundError:
            raise InputError(
                f"{path.parent} has not been trained; `mode=train` does that"
            ) from None
        except (OSError, ValueError, IndexError, KeyError) as error:
            raise InputError(f"{path} is damaged: {error}; delete its folder") from None
    if not scored.all():
        raise InputError(
            f"these folds score {scored.sum():,} of {len(scored):,} labels, because "
            f"{experiment.folder.path} has been trained with more; give as many `audit_folds` as "
            "before",
            option="audit_folds",
            value=experiment.config.evaluation.audit_folds,
        )
    return together
