"""Comparisons of our own on digits, offline: methods, losses, and Dynamic Loss."""

from ieg.recipes import RECIPES, Recipe, Row

_UNIFORM = tuple(f"digits_uniform_{ratio}" for ratio in (0.2, 0.4, 0.6, 0.8))
_NOISES = (*_UNIFORM, "digits_asymmetric_0.4")

RECIPES.register("digits")(
    Recipe(
        "Four methods on five kinds of wrong labels: the first table of docs/results.md",
        rows={name: Row(name) for name in ("supervised", "l2r", "ieg", "fsr")},
        datasets=_NOISES,
        seeds=(1, 2, 3),
        runs="runs/digits",
        cost="an hour on 2 cores",
        measure="test accuracy at the last step, mean of three seeds",
        measured={
            "supervised": dict(zip(_NOISES, (0.968, 0.934, 0.883, 0.661, 0.858), strict=True)),
            "l2r": dict(zip(_NOISES, (0.981, 0.970, 0.961, 0.914, 0.989), strict=True)),
            "ieg": dict(zip(_NOISES, (0.991, 0.989, 0.987, 0.981, 0.993), strict=True)),
            "fsr": dict(zip(_NOISES, (0.986, 0.980, 0.966, 0.911, 0.983), strict=True)),
        },
    )
)

_CORRECTED = ("label_smoothing", "confidence_penalty", "label_correction", "boot_hard", "proselflc")
_WEIGHING = ("dm", "imae", "gce", "sce", "mae", "mse", "focal")

RECIPES.register("losses_digits")(
    Recipe(
        "Every loss on digits with 40 and 60 % symmetric noise",
        rows={
            name: Row("supervised", loss=name)
            for name in ("ce", *_CORRECTED, *_WEIGHING, "ldam", "balanced_softmax")
        },
        datasets=("digits_symmetric_0.4", "digits_symmetric_0.6"),
        seeds=(1, 2, 3),
        runs="runs/losses_digits",
        cost="ten to twenty seconds a run on 2 cores",
    )
)

RECIPES.register("dynamic_loss_digits")(
    Recipe(
        "Dynamic Loss on digits with a long tail and wrong labels at once, beside other losses",
        rows={
            **{name: Row("supervised", loss=name) for name in ("ce", "balanced_softmax", "ldam")},
            "dynamic_loss": Row("dynamic_loss"),
        },
        datasets=("digits_imbal_0.1_prior_0.4",),
        seeds=(1, 2, 3),
        runs="runs/dynamic_loss_digits",
        cost="twenty minutes on 2 cores",
        remarks=(
            "The smallest class has a tenth of the images of the largest, and 40 % of the labels "
            "are redrawn from the class sizes, which is the noise of the paper "
            "(arXiv 2211.12506)."
        ),
    )
)
