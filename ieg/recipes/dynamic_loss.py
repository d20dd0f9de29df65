"""Dynamic Loss in its three released configurations.

Jiang, Li, Zhang, Wang, Xu, "Dynamic Loss for Robust Learning", TPAMI 45 (12), 2023
(arXiv 2211.12506).
"""

from ieg.recipes import RECIPES, Recipe, Row

RECIPES.register("dynamic_loss_cifar10")(
    Recipe(
        "Dynamic Loss on long-tailed CIFAR-10 with wrong labels: resnet32_skip, 325 epochs",
        source="configurations released with Dynamic Loss (arXiv 2211.12506)",
        rows={"dynamic_loss": Row("dynamic_loss")},
        datasets=tuple(
            f"cifar10_imbal_{factor}_prior_{ratio}"
            for factor, ratio in ((0.1, 0.2), (0.1, 0.4), (0.01, 0.4))
        ),
        flags={
            "network_name": "resnet32_skip",
            "batch_size": 512,
            "max_epoch": 325,
            "lr_schedule": "cosine_epoch",
            "warmup_epochs": 5.0,
            "dynamic_learning_rate": 3e-3,
            "strong_crop": "before",
            "pixel_mean": "0.4914,0.4822,0.4465",
            "pixel_std": "0.2023,0.1994,0.2010",
        },
        runs="runs/dynamic_loss_cifar10",
        cost="325 epochs of 8,000 to 13,000 meta-learning images: never run",
        remarks=(
            "The configurations cor0.2_imb0.1, cor0.4_imb0.1 and cor0.4_imb0.01: labels are "
            "redrawn from the class sizes. No number is known for them. The plots of rank weights "
            "and margins are among the figures of each run; `mode=visualize` draws them again from "
            "its checkpoint."
        ),
    )
)
