"""Settings for pictures of 28 to 32 pixels and a run of minutes to hours on a CPU, with `cnn4`."""

from ieg.data.sources import Presets

# By validation images of Fashion-MNIST (docs/results.md): `cnn4` is four points above `cnn` in 12
# epochs of 3,000 images, and L2R gains from each longer start with equal weights (0, 2 and 5 epochs
# there, 0 and 2 in 20 epochs of 8,000). Crops, which the data sets have by default, keep plain
# training from memorizing. IEG's start is that for letters. AutoAugment, its usual strong view,
# needs colors. Pre-trained for five epochs, 500 to 1,000 steps, Dynamic Loss's corrector is so
# certain of every label (1 - trust is 1e-7) that it never learns which are wrong. Without, wrong
# labels have a third of the trust of right ones, and 0.78 of the corrected labels are right, not
# 0.53.
PRESETS = Presets(
    settings={
        "network_name": "cnn4",
        "max_epoch": 30,
        "lr_schedule": "cosine_one",
        "eval_freq": 200,
        "aug_type": "default",
        "ieg_warmup_epochs": 2,
        "l2r_warmup_epochs": 5,
    },
    of_methods={
        "dynamic_loss": {"batch_size": 100, "dynamic_pretraining_steps": 0},
    },
)
