"""The end of a run: its tables, figures, label audit and page, all from one set of values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console

from ieg import folds
from ieg.experiment import Experiment
from ieg.report import label_audit, outcome, run_figures
from ieg.report.findings import Findings
from ieg.report.judgment import Judgment
from ieg.report.page import contents
from ieg.runs.folder import CONFUSION, EXAMPLES, RESULT


def finish(
    experiment: Experiment,
    result: Mapping[str, Any],
    confusion: list[list[int]],
    judged: Judgment | None,
    findings: Findings | None,
    console: Console,
) -> dict[str, Any]:
    """Write all that a run leaves; result.json comes last, and with it the run is finished.

    Args:
      experiment: trained.
      result: the content of result.json but for the best step.
      confusion: [K, K] counts of test images, the true class in the row.
      judged: its labels; None for a fold, of which the run itself makes use.
      findings: on its images; None without features of them.
      console: prints the result of the audit.
    Returns:
      the content of result.json.
    """
    folder, class_names = experiment.folder, experiment.dataset.class_names
    result = {**result, **outcome.best(folder.metrics.rows())}
    examples, metrics = outcome.examples_table(experiment), folder.metrics.columns()
    folder.write_table(EXAMPLES, examples)
    record = run_figures.record(experiment, metrics, examples)
    run_figures.draw_all(experiment, record, np.array(confusion), examples)
    if judged is not None:
        folder.write_table(CONFUSION, outcome.confusion_table(confusion, class_names))
        audited = label_audit.report(experiment, judged, experiment.last_step, console, findings)
        contents.write(experiment, result, metrics, np.array(confusion), audited, findings)
    else:
        folds.save(experiment)
    folder.write_json(RESULT, result)
    return result


def audit_again(
    experiment: Experiment,
    audited: label_audit.LabelAudit,
    findings: Findings | None,
    console: Console,
) -> None:
    """Write report.html anew after another audit; a run that has not finished has none yet.

    Args:
      experiment: restored.
      audited: its labels.
      findings: on its images; None without features of them.
      console: prints where the page is.
    """
    folder = experiment.folder
    result = folder.read_result()
    if result is None:
        return
    confusion = folder.read_confusion(experiment.dataset.class_names)
    path = contents.write(
        experiment, result, folder.metrics.columns(), confusion, audited, findings
    )
    console.print(f"saved as {path}", highlight=False, markup=False, soft_wrap=True)
