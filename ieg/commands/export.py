"""`--mode=export`: a checkpoint as files that others load without this package."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ieg.commands.restored import restored
from ieg.config import Settings
from ieg.data.files import FileImages
from ieg.experiment import Experiment
from ieg.exporting import card, inference, package
from ieg.exporting.inference import RawInput

FOLDER = "export"
#: What the card says of the measures of `evaluate.on_split`.
_MEASURES = {
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
    "balanced_accuracy": "balanced accuracy",
    "ece": "expected calibration error",
}


def run(settings: Settings, console: Console) -> int:
    """Writes `export/` into the run folder; returns the exit status.

    Raises:
      InputError: see `restored`.
    """
    experiment, step = restored(settings, console)
    tested = experiment.test(experiment.predictor(experiment.state.evaluated_weights()))
    write(experiment, experiment.folder.path / FOLDER, step, tested)
    console.print(
        f"top-1 {tested['top1']:.4f}; saved as {experiment.folder.path / FOLDER}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def write(experiment: Experiment, folder: Path, step: int, tested: dict[str, Any]) -> None:
    """Exports the weights that count.

    Args:
      experiment: restored, and not trained on afterwards: its current weights are replaced.
      folder: where to.
      step: where the weights are from.
      tested: what `evaluate.on_split` says of them.
    """
    inference.take_weights(experiment.state.params, experiment.state.evaluated_weights())
    network = inference.standard_copy(experiment.model)
    model = inference.probability_model(network, raw_input(experiment))
    text = card_text(experiment, step, tested, raw_input(experiment), _noise(experiment))
    package.write(folder, model, experiment.dataset.class_names, text)


def raw_input(experiment: Experiment) -> RawInput:
    """What an exported model is given."""
    images, weak = experiment.dataset.train.images, experiment.dataset.weak
    if weak is None:
        return RawInput(images.shape[1:], str(np.asarray(images).dtype), is_image=False)
    files = isinstance(images, FileImages)
    return RawInput(images.shape[1:], "uint8", is_image=True, any_size=files, mean=weak.mean)


def card_text(
    experiment: Experiment, step: int, tested: dict[str, Any] | None, raw: RawInput, noise: str
) -> str:
    """The model card.

    Args:
      experiment: what was trained.
      step: where the weights are from.
      tested: what `evaluate.on_split` says of them; None: there was nothing to test on.
      raw: what the model is given.
      noise: what is known of wrong labels, in words.
    """
    config, dataset = experiment.config, experiment.dataset
    takes, example = _takes(raw)
    measured_on = "Not measured: there were no examples to test on."
    if tested is not None:
        measured_on = (
            f"On the {len(dataset.evaluation.labels):,} {config.eval_split} examples of the data, "
            "which were not trained on. Nobody has checked their labels unless the data say so."
        )
    values, notes, done = experiment.settings.experiment(), [dataset.note], dataset.corrections
    if done is not None:
        notes.append(f"{done.relabelled} labels corrected and {done.dropped} examples left out")
    facts = card.Facts(
        data=dataset.name,
        note=", ".join(filter(None, notes)) or None,
        method=config.method,
        network=config.network_name,
        examples=(len(dataset.train_indices), dataset.probe_size),
        class_names=dataset.class_names,
        class_counts=dataset.class_counts.tolist(),
        step=step,
        averaged=bool(experiment.state.average),
        accuracy={title: tested[name] for name, title in _MEASURES.items()} if tested else {},
        measured_on=measured_on,
        noise=noise,
        takes=takes,
        example=example,
        settings={name: value for name, value in values.items() if value is not None},
    )
    return card.text(facts)


def _takes(raw: RawInput) -> tuple[str, str]:
    """What a model takes, in words and as an example in Python."""
    shape = ", ".join(map(str, raw.shape))
    if raw.any_size:
        sides = "x".join(map(str, raw.shape[:2]))
        return (
            "images of any size as whole numbers from 0 to 255, `uint8` [B, H, W, 3] (one size "
            f"in a batch), looks at the middle of each and brings that to {sides} pixels",
            "tf.zeros([1, 200, 300, 3], tf.uint8)",
        )
    kind = "images as whole numbers from 0 to 255" if raw.is_image else "examples"
    return f"{kind}, `{raw.dtype}` [B, {shape}],", f"tf.zeros([1, {shape}], tf.{raw.dtype})"


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
        said.append(f"The label audit estimates that {audit['noise_rate']:.1%} are wrong.")
    return " ".join(said) or "Nobody knows how many training labels are wrong."
