"""IEG with ten probe images a class on CIFAR, and the methods it is compared with.

Zhang, Zhang, Arık, Lee, Pfister, "Distilling Effective Supervision from Severe Label Noise",
CVPR 2020 (arXiv 1910.00701). The cost of one wrn28-10 step, from which all others are estimated, is
in the remarks of `ieg_cifar100`.
"""

from ieg.recipes import RECIPES, Citation, Flags, Recipe, Row

_PAPER = "IEG (arXiv 1910.00701)"
_COMPARISON = "CMW-Net (arXiv 2202.05613), table 2"
_LONG_RUN: Flags = {"max_iteration": 200000}
_TEN_A_CLASS_OF_100: Flags = {"probe_dataset_hold_ratio": 0.02}
_TEN_A_CLASS_OF_10: Flags = {"probe_dataset_hold_ratio": 0.002}
_UNIFORM_100 = tuple(f"cifar100_uniform_{ratio}" for ratio in (0.2, 0.4, 0.8))
_UNIFORM_10 = tuple(f"cifar10_uniform_{ratio}" for ratio in (0.2, 0.4, 0.8))

RECIPES.register("ieg_cifar100")(
    Recipe(
        "IEG on CIFAR-100, uniform noise, 10 probe images a class: wrn28-10, 200,000 steps",
        source=_PAPER,
        rows={"ieg": Row("ieg")},
        datasets=_UNIFORM_100,
        flags={"network_name": "wrn28-10", **_TEN_A_CLASS_OF_100, **_LONG_RUN},
        runs="runs/ieg_cifar100",
        cost="50 to 125 hours a run on one V100, about 14 GB: an estimate, never run",
        published=(Citation(_PAPER),),
        remarks=(
            "No number is known at 0.2. A plain wrn28-10 step takes 120 to 280 ms on a V100 (the "
            "839 ms of L2R in FaMUS, table 1, over its 3 to 7), an IEG step 8 plain ones (7.2 "
            "measured on a CPU, 8.7 counted in convolutions); memory grows by 125 MB an image on a "
            "CPU. With G GPUs give a `batch_size` of 100/G, which counts per GPU. The README of "
            "the original says that half the steps can reach the reported numbers. The release "
            "averages weights but tests without: that is `top1_raw`, `top1` is with averages."
        ),
    )
)

RECIPES.register("ieg_cifar10")(
    Recipe(
        "IEG on CIFAR-10, uniform noise, 10 probe images a class: wrn28-10, 200,000 steps",
        source=_PAPER,
        rows={"ieg": Row("ieg")},
        datasets=_UNIFORM_10,
        flags={"network_name": "wrn28-10", **_TEN_A_CLASS_OF_10, **_LONG_RUN},
        runs="runs/ieg_cifar10",
        cost="50 to 125 hours a run on one V100: an estimate, never run",
        published=(Citation("an independent reproduction of IEG (thexp)"),),
        remarks="The published numbers are of the smaller WRN-28-2.",
    )
)

RECIPES.register("ieg_cifar10_resnet29")(
    Recipe(
        "IEG on CIFAR-10, uniform and asymmetric noise: resnet29, 200,000 steps",
        source=_PAPER,
        rows={"ieg": Row("ieg")},
        datasets=(*_UNIFORM_10, "cifar10_asymmetric_0.4"),
        flags={"network_name": "resnet29", **_TEN_A_CLASS_OF_10, **_LONG_RUN},
        runs="runs/ieg_cifar10",
        cost="2 to 4 hours a run on one V100, or more: an estimate, never run",
        remarks=(
            "10 probe images a class. No number could be verified for this network. The estimate "
            "is that of ieg_cifar100 times 1/29, the ratio of IEG's time for an image with both "
            "networks on a CPU; so small kernels do not fill a V100. Two weeks on 2 CPU cores, by "
            "1.8 s for a step of 32 images."
        ),
    )
)

RECIPES.register("ieg_webvision")(
    Recipe(
        "IEG on WebVision mini, tested on ImageNet: resnet50, 1,000,000 steps of 8 images a GPU",
        source="README of the original",
        rows={"ieg": Row("ieg")},
        datasets=("webvisionmini",),
        flags={
            "network_name": "resnet50",
            "batch_size": 8,
            "use_imagenet_as_eval": True,
            "ce_factor": 4.0,
            "consistency_factor": 8.0,
            "val_batch_size": 50,
            "eval_freq": 10000,
            "max_iteration": 1000000,
            "warmup_epochs": 0.0,
            "cos_t_mul": 1.5,
            "l2_weight_decay": 4e-4,
        },
        runs="runs/ieg_webvision",
        cost="a million steps of 8 plain ones each, for 8 GPUs: never run",
        remarks=(
            "Ten probe images a class come from ImageNet's training images, the test images from "
            "its validation images, so both are needed beside WebVision. `batch_size` counts per "
            "GPU: the original had 8. Schedule and weight decay are the defaults of its release. "
            "No number is verified."
        ),
    )
)

#: L2R as in its paper and in the release: no epochs of equal weights, no averaged weights, and as
#: many clean as training images in a step.
_L2R = Row("l2r", {"l2r_warmup_epochs": 0, "use_ema": False, "probe_batch_size": 100})
_BESIDE = {"supervised": Row("supervised"), "l2r": _L2R}
_AS_PUBLISHED = (
    "The published network is not stated, and there an exact share of labels is redrawn from all "
    "classes. Runs go to the folder of IEG's, so that one table holds all. An L2R step takes 2.7 "
    "times a plain one, for which see ieg_cifar100. L2R has the setting of its paper: "
    "look-aheads from the first step on, and accuracy of weights that are not averaged. With G "
    "GPUs `probe_batch_size` is divided like `batch_size`."
)

RECIPES.register("compare_cifar100")(
    Recipe(
        "Supervised training and L2R on CIFAR-100 in the setting of IEG",
        source=_COMPARISON,
        rows=_BESIDE,
        datasets=_UNIFORM_100,
        flags={"network_name": "wrn28-10", **_TEN_A_CLASS_OF_100, **_LONG_RUN},
        runs="runs/ieg_cifar100",
        cost="7 to 16 hours a supervised run on one V100, 18 to 42 for L2R: an estimate, never run",
        published=(Citation(_COMPARISON),),
        remarks=_AS_PUBLISHED,
    )
)

RECIPES.register("compare_cifar10")(
    Recipe(
        "Supervised training and L2R on CIFAR-10 in the setting of IEG",
        source=_COMPARISON,
        rows=_BESIDE,
        datasets=(*_UNIFORM_10, "cifar10_asymmetric_0.4"),
        flags={"network_name": "wrn28-10", **_TEN_A_CLASS_OF_10, **_LONG_RUN},
        runs="runs/ieg_cifar10",
        cost="7 to 16 hours a supervised run on one V100, 18 to 42 for L2R: an estimate, never run",
        published=(Citation(_COMPARISON),),
        remarks=_AS_PUBLISHED,
    )
)
