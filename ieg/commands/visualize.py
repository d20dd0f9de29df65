"""`--mode=visualize`: draws what the method of a checkpoint has learned."""

from rich.console import Console

from ieg.config import Config
from ieg.report import outcome, run_figures
from ieg.report.announce import announce
from ieg.restoring import restored


def run(config: Config, console: Console) -> int:
    """Write the figures of a checkpoint and print their paths; returns the exit status.

    They go into a folder of their own, so that those of the end of training stay.

    Raises:
      InputError: see `restored`.
    """
    experiment, step = restored(config, console)
    announce(experiment, console, step)
    folder, examples = experiment.folder, outcome.examples_table(experiment)
    record = run_figures.record(experiment, folder.metrics.columns(step), examples)
    paths = run_figures.draw_method(experiment, record, folder.figures / f"step{step}")
    for path in paths:
        console.print(f"saved as {path}", highlight=False, markup=False, soft_wrap=True)
    if not paths:
        console.print("there is nothing to draw at that step", highlight=False, markup=False)
    return 0
