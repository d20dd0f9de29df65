"""Settings for pictures of 28 to 32 pixels and a run of minutes to hours on a CPU, with `cnn4`."""

from ieg.data.sources import Presets

PRESETS = Presets(
    settings={
        "network_name": "cnn4",
        "max_epoch": 30,
        "lr_schedule": "cosine_one",
        "eval_freq": 200,
        "aug_type": "default",
        "ieg_warmup_epochs": 5,
        "l2r_warmup_epochs": 5,
    },
    of_methods={
        "dynamic_loss": {"batch_size": 100, "lr_schedule": "cosine_one"},
    },
)
