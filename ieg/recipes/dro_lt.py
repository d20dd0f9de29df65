"""DRO-LT on long tails, both stages.

Samuel, Chechik, "Distributional Robustness Loss for Long-tail Learning", ICCV 2021
(arXiv 2104.03066). Stage 1 is supervised training, and a baseline of its own; further flags of the
command go to stage 2.
"""

from ieg.recipes import RECIPES, Citation, Flags, Recipe, Row, RunFolder

_TABLE = "Weight Balancing (CVPR 2022), table 2"
#: Released for CIFAR-100 too, whose own mean and deviation are others.
_VIEW: Flags = {
    "weak_pad": 4,
    "pixel_mean": "0.4914,0.4822,0.4465",
    "pixel_std": "0.2023,0.1994,0.2010",
}

RECIPES.register("dro_lt_cifar100")(
    Recipe(
        "DRO-LT on long-tailed CIFAR-100, imbalance 100, 50 and 10: resnet32_skip, both stages",
        source="DRO-LT (arXiv 2104.03066)",
        rows={
            # As in LDAM-DRW, without its warm-up of five epochs.
            "supervised": Row(
                "supervised",
                {
                    **_VIEW,
                    "network_name": "resnet32_skip",
                    "batch_size": 128,
                    "max_epoch": 200,
                    "learning_rate": 0.1,
                    "l2_weight_decay": 2e-4,
                    "lr_schedule": "custom_step",
                    "decay_epochs": "160,180",
                    "decay_rate": 0.01,
                    "use_ema": False,
                    "eval_freq": 1000,
                },
                takes_flags=False,
            ),
            "dro_lt": Row(
                "dro_lt",
                {
                    **_VIEW,
                    "strong_crop": "none",  # of its own: that of the weak view is the only one
                    "pretrained_ckpt": RunFolder("supervised"),
                    "eval_freq": 1000,
                    "dro_selection": "best",
                },
            ),
        },
        datasets=tuple(f"cifar100_imbal_{factor}" for factor in (0.01, 0.02, 0.1)),
        runs="runs/dro_lt_cifar100",
        cost="never run",
        published=(
            Citation(_TABLE, methods=("dro_lt",)),
            Citation(_TABLE, methods=("supervised",), settings={"loss": "ce"}),
        ),
        remarks=(
            "As published, stage 2 trains the classifier on the features that are best on the TEST "
            "images; `dro_selection=last` does without them. Cutout leaves a black square there, a "
            "gray one here. The same augmentation, batches and phases without the robust loss, as "
            "a control: `feat_loss=ce_lt` and another folder."
        ),
    )
)

RECIPES.register("dro_lt_digits")(
    Recipe(
        "DRO-LT on long-tailed digits, both stages, with Focal and LDAM-DRW beside",
        rows={
            "supervised": Row("supervised", takes_flags=False),
            "focal": Row("supervised", loss="focal", takes_flags=False),
            "ldam": Row("supervised", {"train_rule": "drw"}, loss="ldam", takes_flags=False),
            "dro_lt": Row("dro_lt", {"pretrained_ckpt": RunFolder("supervised")}),
        },
        datasets=("digits_imbal_0.02",),
        seeds=(1, 2, 3),
        runs="runs/dro_lt_digits",
        cost="two to three minutes a seed on 2 cores, most of it stage 2",
        remarks=(
            "Stage 2 has the network of stage 1. A control without the robust loss: "
            "`feat_loss=ce_lt` and another folder."
        ),
    )
)
