"""`--mode=evaluation`: restores a checkpoint and measures it."""

from typing import Any

from rich.console import Console
from rich.table import Table

from ieg.config import Settings
from ieg.evaluation import metrics
from ieg.report import representation
from ieg.restoring import restored


def run(settings: Settings, console: Console) -> int:
    """Prints and saves accuracy of raw and averaged weights; returns the exit status.

    Raises:
      InputError: see `restored`.
    """
    experiment, step = restored(settings, console)
    weights = {"raw": experiment.state.params}
    if experiment.state.average:
        weights["ema"] = experiment.state.average
    measured = {name: experiment.test(experiment.predictor(w)) for name, w in weights.items()}
    _print(measured, experiment.dataset.class_names, console)
    for name, centroids in representation.measure(experiment, weights, step, console).items():
        measured[name]["nearest_centroid"] = centroids
    name = f"evaluation_step{step}_{experiment.config.eval_split}.json"
    experiment.folder.write_json(name, {"step": step, **measured})
    console.print(
        f"saved as {experiment.folder.path / name}", highlight=False, markup=False, soft_wrap=True
    )
    return 0


def _print(
    measured: dict[str, dict[str, Any]], class_names: tuple[str, ...], console: Console
) -> None:
    table = Table("", *measured)
    titles = {
        "top1": "top-1",
        "top5": "top-5",
        "balanced_accuracy": "balanced accuracy",
        "ece": "expected calibration error",
        "many_shot": "many-shot classes",
        "medium_shot": "medium-shot classes",
        "few_shot": "few-shot classes",
    }
    if not metrics.top5_tells(len(class_names)):
        del titles["top5"]
    for key, title in titles.items():
        table.add_row(title, *(_cell(m[key]) for m in measured.values()))
    for k, name in enumerate(class_names):
        table.add_row(f"class {name}", *(_cell(m["per_class"][k]) for m in measured.values()))
    console.print(table)


def _cell(accuracy: float | None) -> str:
    return "n/a" if accuracy is None else f"{accuracy:.4f}"
