"""Settings of the data: which examples, labels, splits, views and batches."""

from dataclasses import dataclass

from ieg.data import samplers
from ieg.data.samplers import Sampling
from ieg.errors import InputError
from ieg.options import option


@dataclass(frozen=True)
class DataSettings:
    """Settings of the data; each field is a flag."""

    dataset: str = option(
        "digits_uniform_0.4",
        "BASE, BASE_NOISE_RATIO, BASE_imbal_FACTOR, BASE_imbal_FACTOR_RATIO or "
        "BASE_imbal_FACTOR_NOISE_RATIO, or images of your own as folder:PATH or csv:PATH; see the "
        "README",
    )
    noise: str | None = option(
        None, "for folder:PATH and csv:PATH: what follows the BASE of other names: uniform_0.4"
    )
    label_corrections: str | None = option(
        None,
        "CSV file of decisions on given labels (index or path, decision, new_label), which are "
        "applied before training; a run belongs to what the file says, not to its path",
        experiment=False,
    )
    image_size: int = option(
        0, "side in pixels to which image files are brought; 0: what the data set says", at_least=0
    )
    use_imagenet_as_eval: bool = option(
        False, "test on ImageNet's validation images of the classes that WebVision mini has"
    )
    damaged_limit: float = option(
        0.01,
        "share of the image files that may turn out to be damaged before the run ends",
        at_least=0,
        at_most=1,
        experiment=False,
    )
    dataset_dir: str = option("./data", "where data sets live", experiment=False)
    eval_split: str = option("test", "what accuracy is measured on", choices=("test", "validation"))
    validation_ratio: float = option(
        0.1, "share of the training split for eval_split=validation", above=0, below=1
    )
    probe_dataset_hold_ratio: float = option(
        0.02, "share of the training images kept as clean probe data", at_least=0, below=1
    )
    aug_type: str = option(
        "autoaug",
        "strong view, for methods that want one: autoaug (the list of the data set, for CIFAR that "
        "of IEG), autoaug25 (the usual 25 sub-policies), randaug, or default (crop and flip alone)",
        choices=("autoaug", "autoaug25", "randaug", "default"),
    )
    aug_per_batch: bool | None = option(
        None, "the same strong operations for a whole batch; unset: for randaug, as released"
    )
    weak_rotation: float = option(
        0.0, "degrees by which the weak view is rotated at most", at_least=0, at_most=180
    )
    sampler: str | None = option(
        None,
        "how batches are put together, by given label: shuffle, balanced, class_aware (rows of "
        "each class in turn; more steps an epoch), or resample (with replacement, small classes "
        "more often); unset: balanced with --classes_per_batch, else shuffle",
        choices=samplers.NAMES,
    )
    classes_per_batch: int = option(
        0, "of --sampler=balanced: classes in a batch, with equally many images each", at_least=0
    )
    images_in_a_row: int = option(
        4, "of --sampler=class_aware: images of a class before the next class", above=0
    )

    def sampling(self) -> Sampling:
        """The sampler.

        Raises:
          InputError: sampler and classes_per_batch do not fit together.
        """
        sampler, classes = self.sampler, self.classes_per_batch
        if sampler is None:
            sampler = "balanced" if classes else "shuffle"
        if (sampler == "balanced") != (classes > 0):
            raise InputError(
                f"`sampler={sampler}` `classes_per_batch={classes}`: balanced, and no other "
                "sampler, takes a number of classes, such as `classes_per_batch=10`"
            )
        return Sampling(sampler, classes, self.images_in_a_row)
