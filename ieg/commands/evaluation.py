"""`--mode=evaluation`: restores a checkpoint and measures it."""

from rich.console import Console

from ieg.config import Config
from ieg.report import representation
from ieg.report.accuracies import accuracies
from ieg.report.announce import announce
from ieg.restoring import restored


def run(config: Config, console: Console) -> int:
    """Print and save the accuracy of raw and averaged weights; returns the exit status.

    Raises:
      InputError: see `restored`.
    """
    experiment, step = restored(config, console)
    announce(experiment, console, step)
    weights = {"raw": experiment.state.params}
    if experiment.state.average:
        weights["ema"] = experiment.state.average
    measured = {name: experiment.test(experiment.predictor(w)) for name, w in weights.items()}
    console.print(accuracies("", measured, experiment.dataset.class_names, each_class=True))
    for name, centroids in representation.measure(experiment, weights, step, console).items():
        measured[name]["nearest_centroid"] = centroids
    name = f"evaluation_step{step}_{experiment.config.data.eval_split}.json"
    experiment.folder.write_json(name, {"step": step, **measured})
    console.print(
        f"saved as {experiment.folder.path / name}", highlight=False, markup=False, soft_wrap=True
    )
    return 0
