"""FSR without clean data on CIFAR, long-tailed CIFAR and WebVision.

Zhang, Pfister, "Learning Fast Sample Re-weighting Without Reward Data", ICCV 2021
(arXiv 2109.03216).
"""

from ieg.recipes import RECIPES, Citation, Flags, Recipe, Row

_PAPER = "FSR (arXiv 2109.03216)"
_NUMBERS = "aggregator page of FSR (arXiv 2109.03216)"
_AVERAGES = (
    "The release averages weights but tests without: that is `top1_raw`, `top1` is with averages."
)
_LONG_TAIL: Flags = {
    "network_name": "resnet32",
    "batch_size": 128,
    "max_epoch": 200,
    "lr_schedule": "custom_step",
    "decay_epochs": "160,180",
    "decay_rate": 0.01,
}

RECIPES.register("fsr_cifar100")(
    Recipe(
        "FSR on CIFAR-100, uniform noise, no clean data: wrn28-10, 63,500 steps",
        source=_PAPER,
        rows={"fsr": Row("fsr")},
        datasets=tuple(f"cifar100_uniform_{ratio}" for ratio in (0.2, 0.4, 0.8)),
        flags={
            "network_name": "wrn28-10",
            "max_iteration": 63500,
            "cos_t_mul": 2,
            "queue_capacity": 2000,
        },
        runs="runs/fsr_cifar100",
        cost="4 to 10 hours a run on one V100: an estimate, never run",
        published=(Citation(_NUMBERS, setting="CIFAR-100"),),
        remarks=(
            "No number is verified at 0.4 and 0.8. An FSR step costs 1.7 plain ones (measured on a "
            "CPU with resnet29, `python -m benchmarks.step`; 2.0 counted in convolutions). "
            f"{_AVERAGES}"
        ),
    )
)

RECIPES.register("run_fsr_cifar_longtail")(
    Recipe(
        "FSR on long-tailed CIFAR-10 and CIFAR-100, no clean data: resnet32, 200 epochs",
        source=_PAPER,
        rows={"fsr": Row("fsr")},
        datasets=tuple(
            f"cifar{size}_imbal_{factor}" for size in (10, 100) for factor in (0.02, 0.01)
        ),
        flags={
            **_LONG_TAIL,
            "label_smoothing": 0.1,
            "use_mixup": False,
            "use_pseudo_loss": "none",
            "clip_meta_weight": False,
            "meta_start_epoch": 160,
            "queue_capacity": 3000,
            "queue_bs": 800,
        },
        runs="runs/fsr_longtail",
        cost="1 to 3 hours a run on one V100: an estimate, never run",
        published=(Citation("FaMUS, table 8", methods=("supervised", "l2r")),),
        remarks=(
            "Weights are shifted above zero, not cut: no image is wrong, rare ones are to weigh "
            "more. For 160 epochs all weigh the same. No number of FSR is verified; those of L2R "
            "and of plain training are in the same setting."
        ),
    )
)

RECIPES.register("run_fsr_cifar_longtail_noise")(
    Recipe(
        "FSR on CIFAR with a long tail and uniform noise, no clean data: resnet32, 200 epochs",
        source=_PAPER,
        rows={"fsr": Row("fsr")},
        datasets=tuple(
            f"cifar{size}_imbal_0.02_{ratio}" for size in (10, 100) for ratio in (0.2, 0.4)
        ),
        flags={
            **_LONG_TAIL,
            "label_smoothing": 0.1,
            "meta_start_epoch": 160,
            "queue_capacity": 2000,
            "queue_bs": 200,
        },
        runs="runs/fsr_longtail_noise",
        cost="1 to 3 hours a run on one V100: an estimate, never run",
        remarks=(
            "As run_fsr_cifar_longtail, but negative weights are cut, and MixUp and the pseudo "
            "loss are on. No number is verified."
        ),
    )
)

RECIPES.register("run_fsr_webvision")(
    Recipe(
        "FSR on WebVision mini, no clean data: resnet50, 123,300 steps of 16",
        source=_PAPER,
        rows={"fsr": Row("fsr")},
        datasets=("webvisionmini",),
        flags={
            "network_name": "resnet50",
            "batch_size": 16,
            "max_iteration": 123300,
            "queue_capacity": 5000,
            "use_pseudo_loss": "all_1_0.1_1",
            "l2_weight_decay": 0.0001,
            "warmup_epochs": 3,
            "cos_t_mul": 2,
        },
        runs="runs/fsr_webvision",
        cost="1 to 2 days on one V100: an estimate, never run",
        published=(Citation(_NUMBERS, setting="WebVision mini"),),
        remarks=(
            "The first 50 classes, Google's part. `use_imagenet_as_eval=true` tests on ImageNet's "
            f"validation images. `batch_size` counts per GPU. {_AVERAGES}"
        ),
    )
)

_CLEAN_TAIL, _NOISY_TAIL = "digits_imbal_0.05", "digits_imbal_0.05_0.3"
_ON_CLEAN_LABELS: Flags = {
    "use_mixup": False,
    "use_pseudo_loss": "none",
    "clip_meta_weight": False,
}

RECIPES.register("digits_longtail")(
    Recipe(
        "FSR without clean data beside supervised training on long-tailed digits",
        rows={
            "supervised": Row("supervised", {"label_smoothing": 0.1}, datasets=(_CLEAN_TAIL,)),
            "fsr": Row(
                "fsr", {"label_smoothing": 0.1, **_ON_CLEAN_LABELS}, datasets=(_CLEAN_TAIL,)
            ),
            "supervised_noise": Row("supervised", datasets=(_NOISY_TAIL,)),
            "fsr_noise": Row("fsr", datasets=(_NOISY_TAIL,)),
        },
        seeds=(1, 2, 3),
        runs="runs/digits_longtail",
        cost="ten minutes on 2 cores",
        measure="balanced accuracy at the last step, mean of three seeds",
        measured={
            "supervised": {_CLEAN_TAIL: 0.950},
            "fsr": {_CLEAN_TAIL: 0.958},
            "supervised_noise": {_NOISY_TAIL: 0.719},
            "fsr_noise": {_NOISY_TAIL: 0.846},
        },
        remarks=(
            "The settings that tell a long tail from a long tail with wrong labels are those of "
            "run_fsr_cifar_longtail and run_fsr_cifar_longtail_noise, but for label smoothing, "
            "which both have there; supervised training has all that apply to it."
        ),
    )
)
