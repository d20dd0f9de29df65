"""Settings of evaluation: when, on what, and which measures."""

from dataclasses import dataclass

from ieg.errors import InputError
from ieg.options import option


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of evaluation; each field is a flag."""

    val_batch_size: int = option(
        100, "images per replica and step in evaluation", above=0, experiment=False
    )
    eval_freq: int = option(
        500, "steps between evaluations with checkpoint; divided by the replicas", above=0
    )
    train_eval_size: int = option(
        2000, "training images on which the fit to clean and wrong labels is followed", above=0
    )
    many_shot_above: int = option(
        100, "a class with more training images counts as many-shot", at_least=0, experiment=False
    )
    few_shot_below: int = option(
        20, "a class with fewer training images counts as few-shot", at_least=0, experiment=False
    )
    audit_folds: int = option(
        0,
        "score each given label by models that have not trained on it: runs on this many parts "
        "left out in turn, after the run itself; 0: by the run itself",
        at_least=0,
        experiment=False,
    )
    nearest_centroid: bool = option(
        False,
        "--mode=evaluation also tells classes by the direction of their mean training feature",
        experiment=False,
    )
    save_features: bool = option(
        False,
        "--mode=evaluation writes features, labels and predictions of both splits as .npz",
        experiment=False,
    )

    def __post_init__(self) -> None:
        if self.few_shot_below > self.many_shot_above:
            raise InputError(
                f"must be at most `many_shot_above={self.many_shot_above}`",
                option="few_shot_below",
                value=self.few_shot_below,
            )
