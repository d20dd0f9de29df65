"""Fine-tuning: a head on features first, then backbone and head together from pixels.

The first stage is a complete run of its own in the sub-folder `head/` of the run folder, the same
as without fine-tuning. The run itself is the second stage, which begins with its weights.
"""

import dataclasses
from typing import Any

from ieg.config import Config

#: Sub-folder of the first stage.
HEAD = "head"

#: Settings of the second stage. Those with the same names that were typed are of the first.
_SETTINGS = {
    "max_iteration": None,
    "lr_schedule": "cosine_one",
    "warmup_epochs": 0.0,
    "l2_weight_decay": 1e-4,
    "steps_per_execution": None,
}
#: Steps between evaluations, each with a checkpoint: a few minutes on two cores.
_EVALUATION = 100


def first_stage(config: Config) -> Config:
    """Configuration of the run on features, which knows nothing of the second stage.

    Args:
      config: as asked for, with `finetune_epochs` above 0.
    """
    defaults = {f.name: f.default for f in dataclasses.fields(config.training)}
    without = {name: value for name, value in defaults.items() if name.startswith("finetune_")}
    return dataclasses.replace(
        config,
        training=_with(config.training, without),
        run=dataclasses.replace(config.run, restore_step=0),
        origins={**config.origins, **dict.fromkeys(without, "default")},
        part=HEAD,
    )


def second_stage(config: Config) -> Config:
    """Configuration of the run itself; the same as asked for if that fine-tunes nothing.

    Args:
      config: as asked for.
    """
    training = config.training
    if not training.finetune_epochs:
        return config
    changed: dict[str, Any] = {
        **_SETTINGS,
        "max_epoch": training.finetune_epochs,
        "learning_rate": training.finetune_learning_rate,
        "batch_size": training.finetune_batch_size,
    }
    # What goes with batch, length and rate, unless it was typed.
    suited = {
        "eval_freq": _EVALUATION,
        "queue_bs": training.finetune_batch_size,
        "meta_start_epoch": training.finetune_epochs // 6,
        "meta_stepsize": training.finetune_learning_rate,
    }
    origins = config.origins
    changed |= {k: v for k, v in suited.items() if origins.get(k, "command line") != "command line"}
    return dataclasses.replace(
        config,
        training=_with(training, changed),
        evaluation=_with(config.evaluation, changed),
        options=_with(config.options, changed),
        origins={**origins, **dict.fromkeys(changed, "finetune_epochs")},
    )


def _with(group: Any, values: dict[str, Any]) -> Any:
    """A group of settings with those of the values that are its own."""
    names = {f.name for f in dataclasses.fields(group)}
    return dataclasses.replace(group, **{k: v for k, v in values.items() if k in names})
