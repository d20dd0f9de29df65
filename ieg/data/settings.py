"""Settings of the data: which examples, labels, splits, views and batches."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from ieg import decoding
from ieg.data import samplers
from ieg.data.samplers import Sampling
from ieg.decoding import RGB
from ieg.errors import InputError
from ieg.options import option


class Normalization(NamedTuple):
    """Mean [C] in [0, 1] and standard deviation [C] above 0 of the color channels of pixels."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class DataSettings:
    """Settings of the data; each field is a flag."""

    dataset: str = option(
        "digits_uniform_0.4",
        "data set with its imbalance and label noise: BASE, BASE_NOISE_RATIO, BASE_imbal_FACTOR, "
        "BASE_imbal_FACTOR_RATIO or BASE_imbal_FACTOR_NOISE_RATIO; or image files of your own as "
        "folder:PATH, csv:PATH or packed:PATH; or tfds:NAME of TensorFlow Datasets; see "
        "docs/options.md",
    )
    noise: str | None = option(
        None,
        "imbalance or label noise to add to folder:PATH, csv:PATH, packed:PATH or tfds:NAME, as it "
        "follows BASE "
        "in other names: uniform_0.4, imbal_0.1",
    )
    label_corrections: str | None = option(
        None,
        "CSV file of decisions on given labels (index or path, decision, new_label), an export of "
        "Label Studio, or cleanlab's table of label issues, applied before training; a run is "
        "identified by the content of the file, not by its path",
        experiment=False,
    )
    image_size: int = option(
        0,
        "side in pixels to which image files are resized; 0: the size that the data set suggests",
        at_least=0,
    )
    feature_dir: str | None = option(
        None,
        "folder that keeps the features of --backbone; unset: features/ below --dataset_dir",
        experiment=False,
    )
    features: str | None = option(
        None,
        "folder with the features of all images, as --mode=embed has left them in it or in folders "
        "below it, such as one of each machine; nothing is computed, and missing parts or parts of "
        "other settings end the run",
        experiment=False,
    )
    feature_views: int = option(
        0,
        "augmented views of each training image whose features are kept beside those of the image "
        "itself, for training with --backbone; each takes as long as the first",
        at_least=0,
        at_most=100,
        before=0,
    )
    use_imagenet_as_eval: bool = option(
        False, "test on ImageNet's validation images of the classes of WebVision mini"
    )
    damaged_limit: float = option(
        0.01,
        "largest share of image files that may be damaged, above 0 at least one file; more of "
        "them end the run",
        at_least=0,
        at_most=1,
        experiment=False,
    )
    background: str = option(
        "white",
        "color behind transparent pixels of image files, by its name or as #rrggbb",
        before="white",
    )
    dataset_dir: str = option("./data", "folder that holds the data sets", experiment=False)
    eval_split: str = option(
        "test",
        "split on which accuracy is measured: test, or validation (that of the data set, or else "
        "held out of the training data)",
        choices=("test", "validation"),
    )
    validation_ratio: float = option(
        0.1,
        "for --eval_split=validation, if the data set has no such split: share of the training "
        "data held out",
        above=0,
        below=1,
    )
    probe_dataset_hold_ratio: float = option(
        0.02, "share of the training data held out as the clean probe set", at_least=0, below=1
    )
    aug_type: str = option(
        "autoaug",
        "strong augmentation, for methods with a strong view: autoaug (AutoAugment with the "
        "policy of the data set; for CIFAR that of IEG), autoaug25 (the usual 25 sub-policies), "
        "randaug (RandAugment), or default (crop and flip only)",
        choices=("autoaug", "autoaug25", "randaug", "default"),
    )
    aug_per_batch: bool | None = option(
        None,
        "draw the strong augmentation once per batch instead of once per image; unset: true for "
        "randaug, as released, otherwise false",
    )
    strong_crop: str = option(
        "after",
        "random crop and flip of the strong view, beside those of the weak view that it is made "
        "of: after AutoAugment or RandAugment with gray edges, before it with black ones, or none",
        choices=("after", "before", "none"),
        before="after",
    )
    weak_pad: int | None = option(
        None,
        "black pixels around an image of which the weak view is a random crop; unset: as the data "
        "set suggests, for CIFAR 2",
        at_least=0,
        before=None,
    )
    pixel_mean: str | None = option(
        None,
        "mean of each color channel, comma separated, that is subtracted from pixels in [0, 1]; "
        "needs --pixel_std; unset: as the data set suggests, mostly pixels in [-1, 1]",
        before=None,
    )
    pixel_std: str | None = option(
        None,
        "standard deviation of each color channel, comma separated, that pixels less their mean "
        "are divided by; needs --pixel_mean",
        before=None,
    )
    weak_rotation: float = option(
        0.0, "largest rotation of the weak view, in degrees either way", at_least=0, at_most=180
    )
    sampler: str | None = option(
        None,
        "sampler of training batches, by given label: shuffle; balanced (--classes_per_batch "
        "classes per batch, equally many examples of each); class_aware (--images_in_a_row "
        "examples of each class in turn; more steps per epoch); resample (with replacement, small "
        "classes more often); unset: balanced if --classes_per_batch is given, otherwise shuffle",
        choices=samplers.NAMES,
    )
    classes_per_batch: int = option(
        0,
        "for --sampler=balanced: classes per batch, with equally many examples of each",
        at_least=0,
    )
    images_in_a_row: int = option(
        4, "for --sampler=class_aware: examples of a class before the next class", above=0
    )

    def background_color(self) -> RGB:
        """Color behind transparent pixels.

        Raises:
          InputError: it is no color.
        """
        try:
            return decoding.color(self.background)
        except ValueError:
            raise InputError(
                "must be a color, such as white, black or #808080",
                option="background",
                value=self.background,
            ) from None

    def normalization(self, *, channels: int) -> Normalization | None:
        """Mean and standard deviation that pixels are normalized by, if they are given.

        Args:
          channels: C of the images.
        Raises:
          InputError: one of the two is missing, or not C numbers in its range.
        """
        if self.pixel_mean is None and self.pixel_std is None:
            return None
        mean = _channel_values("pixel_mean", self.pixel_mean, channels)
        deviation = _channel_values("pixel_std", self.pixel_std, channels)
        if not all(0 <= value <= 1 for value in mean):
            raise InputError("must be in [0, 1]", option="pixel_mean", value=self.pixel_mean)
        if not all(0 < value < math.inf for value in deviation):
            raise InputError("must be above 0", option="pixel_std", value=self.pixel_std)
        return Normalization(mean, deviation)

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


def _channel_values(name: str, text: str | None, channels: int) -> tuple[float, ...]:
    """The numbers of an option, one for each channel."""
    if text is None:
        raise InputError("`pixel_mean` and `pixel_std` go together; give both", option=name)
    try:
        values = tuple(map(float, text.split(",")))
    except ValueError:
        values = ()
    if len(values) != channels:
        wanted = "a number" if channels == 1 else f"{channels} numbers separated by commas"
        raise InputError(f"must be {wanted}, one per channel", option=name, value=text)
    return values
