"""`--mode=visualize`: draws what the method of a checkpoint has learned."""

from rich.console import Console

from ieg.commands import outcome
from ieg.commands.announce import announce
from ieg.commands.evaluation import settings_of_the_run
from ieg.config import Settings
from ieg.errors import InputError
from ieg.experiment import build


def run(settings: Settings, console: Console) -> int:
    """Writes the figures of a checkpoint and prints their paths; returns the exit status.

    They go into a folder of their own, so that those of the end of training stay.

    Raises:
      InputError: there is no such run or checkpoint, or what was typed contradicts the run.
    """
    experiment = build(settings_of_the_run(settings))
    folder = experiment.folder
    if not experiment.checkpoints.steps():
        raise InputError(f"{folder.path} has no checkpoint yet")
    step = experiment.checkpoints.restore(settings.config.restore_step)
    rows = [row for row in folder.read_metrics() if (row["step"] or 0) <= step]
    announce(experiment, console)
    console.print(f"checkpoint of step {step}", highlight=False, markup=False)
    record = outcome.record(experiment, rows)
    paths = outcome.draw_method(experiment, record, folder.figures / f"step{step}")
    for path in paths:
        console.print(f"saved as {path}", highlight=False, markup=False, soft_wrap=True)
    if not paths:
        console.print("there is nothing to draw at that step", highlight=False, markup=False)
    return 0
