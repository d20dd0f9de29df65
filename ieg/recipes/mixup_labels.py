"""Reweighting and meta-learned labels on ISIC-2019 and on digits, beside plain training.

The study of ISIC-2019 is a repository of Cute77; its README has the numbers, of single runs.
"""

from ieg.recipes import RECIPES, Citation, Flags, Recipe, Row, RunFolder

_STUDY = "README of the ISIC-2019 code by Cute77"
_LOW, _HIGH = "isic2019_symmetric_0.2", "isic2019_symmetric_0.4"
_LOW_125, _HIGH_125 = "isic2019_clean125_symmetric_0.2", "isic2019_clean125_symmetric_0.4"
#: Of the probe images in a step; with 125 they take turns.
_FIVE: Flags = {"probe_batch_size": 5}
_LOOKAHEAD: Flags = {**_FIVE, "meta_schedule": "learning_rate"}
#: None of these begins with equal weights.
_REWEIGHT: Flags = {**_LOOKAHEAD, "l2r_warmup_epochs": 0}
_SIGMOID: Flags = {**_REWEIGHT, "weight_mode": "sigmoid", "clip_norm": 0.25}
_LEARNED: Flags = {**_LOOKAHEAD, "clip_norm": 0.25}


def _row(name: str, method: str, flags: Flags, *datasets: str) -> tuple[str, Row]:
    return name, Row(method, flags, datasets=datasets, folder=name)


RECIPES.register("isic_2019")(
    Recipe(
        "Eight ways to train on ISIC-2019 with wrong labels and five probe images, and a control",
        source=_STUDY,
        rows=dict(
            (
                _row("baseline", "supervised", {}, "isic2019", _LOW, _HIGH),
                _row("baseline_clipped", "supervised", {"clip_norm": 0.25}, _LOW, _HIGH),
                _row("clamp_5", "l2r", {**_REWEIGHT, "weight_mode": "clamp"}, _LOW, _HIGH),
                _row("sigmoid_5", "l2r", _SIGMOID, _LOW, _HIGH),
                _row("sigmoid_125", "l2r", _SIGMOID, _LOW_125, _HIGH_125),
                _row("mixup_hard", "mixup_labels", {**_LEARNED, "mixup_target": "hard"}, _HIGH),
                _row("mixup_soft", "mixup_labels", {**_LEARNED, "mixup_target": "soft"}, _HIGH),
                _row(
                    "upper_bound",
                    "mixup_labels",
                    {
                        **_LEARNED,
                        "mixup_variant": "upper_bound",
                        "mixup_clean_ckpt": RunFolder("baseline", "isic2019"),
                    },
                    _HIGH,
                ),
                _row("proposal", "mixup_labels", {**_LEARNED, "mixup_variant": "proposal"}, _HIGH),
            )
        ),
        flags={"backbone": "keras:ResNet50", "train_backbone": True},
        runs="runs/isic_2019",
        cost="31,200 steps of ResNet-50 at 224 pixels a run, for a GPU; never run",
        published=(Citation(_STUDY),),
        remarks=(
            "Test accuracy of single runs; always the largest class has 0.546. The study tests on "
            "random views of its test images, augmented like those to train on, and averages four "
            "such passes within an epoch; here each is seen once, not augmented. baseline_clipped "
            "was not published: it shows what clipping alone does, since most of the others clip. "
            "Five probe images show five of the eight classes; isic2019_balanced has five of "
            "each. 200 epochs of batches of 32, learning rate 1e-3 halved every 50 epochs: the "
            "preset of isic2019. As in the study all begin with ImageNet weights, which Keras "
            "downloads once, or `--backbone_weights=FILE`; its ResNet50 has the stride of a block "
            "in the first convolution, the study's in the second. upper_bound takes the network "
            "of the baseline on clean labels of the same seed."
        ),
    )
)

_CLIP: Flags = {"clip_norm": 0.25}
#: Clean images: the same ten in every step, and 120, of which a step sees ten.
_FEW: Flags = {"probe_dataset_hold_ratio": 0.007, "probe_batch_size": 10}
_MANY: Flags = {"probe_dataset_hold_ratio": 0.084, "probe_batch_size": 10}
_BY_SIGMOID: Flags = {"weight_mode": "sigmoid", **_CLIP}

RECIPES.register("mixup_labels_digits")(
    Recipe(
        "Meta-learned labels on digits with 40 % uniform noise, beside plain training and L2R",
        rows=dict(
            (
                _row("clean", "supervised", {}, "digits"),
                _row("plain", "supervised", {}),
                _row("plain_clipped", "supervised", _CLIP),
                _row("l2r_clamp", "l2r", _FEW),
                _row("l2r_sigmoid", "l2r", {**_BY_SIGMOID, **_FEW}),
                _row("l2r_sigmoid_many", "l2r", {**_BY_SIGMOID, **_MANY}),
                _row("hard", "mixup_labels", _FEW),
                _row("soft", "mixup_labels", {"mixup_target": "soft", **_FEW}),
                _row("proposal", "mixup_labels", {"mixup_variant": "proposal", **_FEW}),
                _row(
                    "upper_bound",
                    "mixup_labels",
                    {
                        "mixup_variant": "upper_bound",
                        **_FEW,
                        "mixup_clean_ckpt": RunFolder("clean", "digits"),
                    },
                ),
            )
        ),
        datasets=("digits_uniform_0.4",),
        seeds=(1, 2, 3),
        runs="runs/mixup_labels_digits",
        cost="about half a minute a run on 2 cores",
        remarks=(
            "Plain training on right labels, on wrong ones, and clipped as a control; L2R by "
            "clamped and by sigmoid weights; hard and soft labels; the proposal; and its upper "
            "bound, which takes the network trained on right labels. The clean images are the same "
            "ten in every step, but for l2r_sigmoid_many: 120, of which a step sees ten."
        ),
    )
)
