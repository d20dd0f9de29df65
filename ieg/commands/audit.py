"""`--mode=audit`: audits the labels of a run at one of its checkpoints."""

from rich.console import Console

from ieg.config import Config
from ieg.report import label_audit, outcome
from ieg.report.announce import announce
from ieg.report.findings import gather
from ieg.report.finish import audit_again
from ieg.restoring import restored


def run(config: Config, console: Console) -> int:
    """Write label_audit.csv, audit.json and the page anew; returns the exit status.

    Raises:
      InputError: see `restored`; or a fold has not been trained.
    """
    experiment, step = restored(config, console)
    announce(experiment, console, step)
    findings = gather(experiment)
    if findings is not None:
        findings.write(experiment.folder, experiment.dataset.class_names)
    examples = outcome.examples_table(experiment)
    if experiment.config.evaluation.audit_folds:
        audited = label_audit.by_folds(experiment, examples, step, console, findings)
    else:
        predict = experiment.predictor(experiment.state.evaluated_weights())
        logits = predict(experiment.dataset.train.inputs[experiment.dataset.train_indices])
        confusion = experiment.test(predict)["confusion"]
        audited = label_audit.of_run(
            experiment, examples, logits, confusion, step, console, findings
        )
    audit_again(experiment, audited, findings, console)
    return 0
