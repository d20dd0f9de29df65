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
        None,
        "noise and imbalance for folder:PATH and csv:PATH, as they follow the BASE of other names, "
        "for example uniform_0.4",
    )
    label_corrections: str | None = option(
        None,
        "CSV file of decisions on given labels (index or path, decision, new_label) to apply "
        "before training; a run belongs to the content of the file, not to its path",
        experiment=False,
    )
    image_size: int = option(
        0, "side of images from files in pixels; 0 for that of the data set", at_least=0
    )
    use_imagenet_as_eval: bool = option(
        False, "test on ImageNet's validation images of WebVision mini's classes"
    )
    damaged_limit: float = option(
        0.01,
        "largest share of image files that may turn out to be damaged; above it the run ends",
        at_least=0,
        at_most=1,
        experiment=False,
    )
    dataset_dir: str = option("./data", "folder of data sets", experiment=False)
    eval_split: str = option(
        "test", "split that accuracy is measured on", choices=("test", "validation")
    )
    validation_ratio: float = option(
        0.1, "share of the training split for eval_split=validation", above=0, below=1
    )
    probe_dataset_hold_ratio: float = option(
        0.02, "share of the training images held out as probe set", at_least=0, below=1
    )
    aug_type: str = option(
        "autoaug",
        "strong augmentation, for methods with a strong view: autoaug (the data set's policy, "
        "for CIFAR that of IEG), autoaug25 (the usual 25 sub-policies), randaug, or default (crop "
        "and flip only)",
        choices=("autoaug", "autoaug25", "randaug", "default"),
    )
    aug_per_batch: bool | None = option(
        None,
        "draw strong operations once per batch instead of per image; unset: for randaug only, as "
        "in the released code",
    )
    weak_rotation: float = option(
        0.0, "largest rotation of the weak view in degrees", at_least=0, at_most=180
    )
    sampler: str | None = option(
        None,
        "sampler of training batches, by given label: shuffle, balanced, class_aware (rows of each "
        "class in turn; more steps an epoch), or resample (with replacement, small classes more "
        "often); unset: balanced with --classes_per_batch, else shuffle",
        choices=samplers.NAMES,
    )
    classes_per_batch: int = option(
        0, "classes in a batch of --sampler=balanced, with equally many images each", at_least=0
    )
    images_in_a_row: int = option(
        4, "images of a class before the next class, for --sampler=class_aware", above=0
    )

    def sampling(self) -> Sampling:
        """Choice of the sampler.

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
