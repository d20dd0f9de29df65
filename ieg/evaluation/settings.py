"""Settings of evaluation: when, on what, and which measures."""

from dataclasses import dataclass

from ieg.errors import InputError
from ieg.evaluation import thresholds
from ieg.options import option


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of evaluation; each field is a flag."""

    val_batch_size: int = option(
        100, "examples per replica and step in evaluation", above=0, experiment=False
    )
    eval_freq: int = option(
        500,
        "training steps between evaluations, each with a checkpoint; divided by the number of "
        "replicas",
        above=0,
    )
    train_eval_size: int = option(
        2000,
        "number of training examples on which the fit to clean and wrong labels is measured "
        "during training",
        above=0,
    )
    many_shot_above: int = option(
        100,
        "a class with more training examples than this is many-shot",
        at_least=0,
        experiment=False,
    )
    few_shot_below: int = option(
        20,
        "a class with fewer training examples than this is few-shot",
        at_least=0,
        experiment=False,
    )
    audit_folds: int = option(
        0,
        "folds of the label audit: after the run itself this many more runs each leave one part "
        "of the training data out, and score the labels of that part; 0: labels are scored by the "
        "run itself",
        at_least=0,
        experiment=False,
    )
    audit_thresholds: str | None = option(
        None,
        "thresholds of findings on images as NAME=NUMBER,...: copy (correlation), outlier "
        "(interquartile ranges), constant, dark, overexposed, blurred, grey, size, shape, common; "
        "docs/audit.md says what they are",
        experiment=False,
    )
    nearest_centroid: bool = option(
        False,
        "for --mode=evaluation: also classify by the nearest class centroid (the direction of the "
        "mean training feature)",
        experiment=False,
    )
    save_features: bool = option(
        False,
        "for --mode=evaluation: write features, labels and predictions of the training and test "
        "splits as .npz",
        experiment=False,
    )

    def __post_init__(self) -> None:
        if self.few_shot_below > self.many_shot_above:
            raise InputError(
                f"must be at most `many_shot_above={self.many_shot_above}`",
                option="few_shot_below",
                value=self.few_shot_below,
            )
        try:
            thresholds.parse(self.audit_thresholds)
        except ValueError as error:
            raise InputError(
                str(error), option="audit_thresholds", value=self.audit_thresholds
            ) from None
