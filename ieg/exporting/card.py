"""Model card: the origin, the training data and the accuracy of an exported model."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ieg
from ieg import backbones
from ieg.data import names
from ieg.data.dataset import Dataset
from ieg.evaluation import measures
from ieg.evaluation.measures import Place
from ieg.exporting.inference import RawInput

_WHOLE = "nan for floats from 0 to 1, which want a factor of 255"


class Facts(NamedTuple):
    """Contents of a card.

    Attributes:
      data: name of the data set.
      method, network: their names.
      examples: numbers of training examples and of clean probe examples.
      class_names: K names.
      class_counts: [K] training examples per given label.
      step: training step of the weights.
      averaged: true if they are the moving average.
      accuracy: title of a measure → value; empty if nothing was measured.
      measured_on: the examples that it was measured on, in words.
      noise: share of wrong labels as known or estimated, in words.
      takes: input of the model, in words.
      task: Hugging Face's name of it, such as "image-classification".
      settings: name → value of each setting of the run that is not None.
      note: remark on the data, or None.
    """

    data: str
    method: str
    network: str
    examples: tuple[int, int]
    class_names: Sequence[str]
    class_counts: Sequence[int]
    step: int
    averaged: bool
    accuracy: Mapping[str, float]
    measured_on: str
    noise: str
    takes: str
    task: str
    settings: Mapping[str, Any]
    note: str | None = None
    backbone: str = ""


def of_run(
    dataset: Dataset,
    settings: Mapping[str, Any],
    *,
    step: int,
    averaged: bool,
    tested: Mapping[str, Any] | None,
    raw: RawInput,
    noise: str,
    backbone: backbones.Card | None = None,
) -> str:
    """Model card of a run.

    Args:
      dataset: the training and test data.
      settings: name → value of the settings that define the run.
      step, averaged, noise: see `Facts`.
      tested: measures from `evaluate.on_split`; None without examples to test on.
      raw: input of the model.
      backbone: facts about the pretrained network in front, or None.
    """
    measured_on = "Not measured: there were no examples to test on."
    if tested is not None:
        measured_on = (
            f"On the {len(dataset.evaluation.labels):,} {settings['eval_split']} examples of the "
            "data, which were not trained on. Nobody has checked their labels unless the data say "
            "so."
        )
    notes, done = [dataset.note], dataset.corrections
    if done is not None:
        notes.append(f"{done.relabelled} labels corrected and {done.dropped} examples left out")
    shown = measures.shown(Place.CARD, dataset.num_classes)
    facts = Facts(
        data=dataset.name,
        note=", ".join(filter(None, notes)) or None,
        method=settings["method"],
        network=settings["network_name"],
        backbone=_in_words(backbone, settings),
        examples=(len(dataset.train_indices), dataset.probe_size),
        class_names=dataset.class_names,
        class_counts=dataset.class_counts.tolist(),
        step=step,
        averaged=averaged,
        accuracy={m.title: tested[m.key] for m in shown} if tested else {},
        measured_on=measured_on,
        noise=noise,
        takes=_takes(raw),
        task=_task(raw),
        settings={name: value for name, value in settings.items() if value is not None},
    )
    return text(facts)


def _in_words(backbone: backbones.Card | None, settings: Mapping[str, Any]) -> str:
    if backbone is None:
        return ""
    trained = settings.get("finetune_epochs") or settings.get("train_backbone")
    license = f", license {backbone.license}" if backbone.license else ""
    return (
        f" on {backbone.features:,} features of the {'fine-tuned' if trained else 'frozen'} network"
        f" `{backbone.name}` (weights from {backbone.source}{license})"
    )


def _takes(raw: RawInput) -> str:
    """Input of a model, in words."""
    shape = ", ".join(map(str, raw.shape))
    if raw.any_size:
        side = raw.square or raw.shape[0]
        return (
            "images of any size as whole numbers from 0 to 255, `uint8` [B, H, W, 3] (one size "
            f"in a batch; {_WHOLE}), looks at the middle of each and brings that to {side}x{side} "
            "pixels"
        )
    kind = f"images as whole numbers from 0 to 255 ({_WHOLE})" if raw.is_image else "examples"
    return f"{kind}, `{raw.dtype}` [B, {shape}],"


def _task(raw: RawInput) -> str:
    if raw.is_image:
        return "image-classification"
    return "tabular-classification" if len(raw.shape) == 1 else "other"


def text(facts: Facts) -> str:
    """Model card as Markdown."""
    weights = "the moving average of the weights" if facts.averaged else "the weights as they were"
    count, clean = facts.examples
    probe = f", and {clean:,} clean probe examples" if clean else ""
    data = f"{facts.data}: {facts.note}" if facts.note else facts.data
    classes = [
        f"| {_cell(name)} | {count:,} |"
        for name, count in zip(facts.class_names, facts.class_counts, strict=True)
    ]
    accuracy = [f"| {name} | {value:.4f} |" for name, value in facts.accuracy.items()]
    measured = ["| measure | value |", "| --- | --- |", *accuracy, ""] if accuracy else []
    shown = {**facts.settings, "dataset": names.without_folders(facts.settings["dataset"])}
    settings = [f"| {name} | {_cell(value)} |" for name, value in shown.items()]
    return "\n".join(
        [
            *_header(facts),
            "# Model card",
            "",
            f"A classifier with {len(facts.class_names)} classes, trained by ieg {ieg.__version__} "
            f"with the method `{facts.method}` and the network `{facts.network}`{facts.backbone}.",
            f"Here is {weights} after {facts.step:,} steps.",
            "",
            "## Use",
            "",
            f"It takes {facts.takes} and gives one probability for each class, in the order of",
            "`classes.json`. No file needs ieg.",
            "",
            "## Data",
            "",
            f"{data}. {count:,} training examples{probe}.",
            "",
            "| class | training examples with that label |",
            "| --- | --- |",
            *classes,
            "",
            "## Accuracy",
            "",
            f"{facts.measured_on}",
            "",
            *measured,
            "## Wrong labels",
            "",
            f"{facts.noise}",
            "",
            "## Settings",
            "",
            "| setting | value |",
            "| --- | --- |",
            *settings,
            "",
        ]
    )


def _header(facts: Facts) -> list[str]:
    """YAML that Hugging Face reads; strings in JSON's quotes, which are YAML's too."""

    def quoted(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    data = quoted(facts.data)
    results = [
        "model-index:",
        f"- name: {quoted(f'{facts.method} on {facts.data}')}",
        "  results:",
        "  - task:",
        f"      type: {facts.task}",
        "    dataset:",
        f"      type: {data}",
        f"      name: {data}",
        "    metrics:",
    ]
    for title, value in facts.accuracy.items():
        kind = "accuracy" if title == "top-1 accuracy" else title.replace(" ", "_")
        results += [f"    - type: {kind}", f"      name: {quoted(title)}", f"      value: {value}"]
    return [
        "---",
        "library_name: keras",
        f"pipeline_tag: {facts.task}",
        "tags:",
        "- ieg",
        "- label-noise",
        *(results if facts.accuracy else []),
        "---",
        "",
    ]


def _cell(value: Any) -> str:
    """Text for a cell of a Markdown table, on one line and with bars escaped."""
    words = " ".join(str(value).split())
    return words.replace("|", "\\|")
