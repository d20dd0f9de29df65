"""Settings of training: length, batches, learning rate, regularization and devices."""

from dataclasses import dataclass

from ieg.options import option

#: Names of the learning rate schedules, see `ieg.training.schedules.from_settings`.
SCHEDULES = (
    *("cosine", "cosine_warmup", "cosine_one", "cosine_epoch"),
    *("custom_step", "exponential", "constant"),
)


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of training; each field is a flag."""

    max_iteration: int | None = option(
        200000,
        "length of the run in training steps; if --max_epoch is given too, the epochs count",
        above=0,
        experiment=False,
    )
    max_epoch: int | None = option(
        None,
        "length of the run in epochs (passes over the training data)",
        above=0,
        experiment=False,
    )
    finetune_epochs: int = option(
        0,
        "epochs in which --backbone and head are trained together from pixels, once the head has "
        "been trained on features; 0: none",
        at_least=0,
        before=0,
    )
    finetune_learning_rate: float = option(
        1e-3,
        "for --finetune_epochs: learning rate of SGD, which falls to 0 along a cosine",
        above=0,
        before=1e-3,
    )
    finetune_batch_size: int = option(
        32, "for --finetune_epochs: training images per replica and step", above=0, before=32
    )
    batch_size: int = option(100, "training examples per replica and step", above=0)
    probe_batch_size: int | None = option(
        None,
        "clean probe examples per replica and step; unset: the same as --batch_size; for l2r no "
        "more than 25, or one of each class if there are more classes",
        above=0,
    )
    learning_rate: float = option(0.1, "base learning rate of SGD", above=0)
    momentum: float = option(0.9, "momentum of SGD", at_least=0, below=1)
    lr_schedule: str = option(
        "cosine",
        "learning-rate schedule: cosine (with restarts), cosine_warmup (the same, --warmup_epochs "
        "compulsory), cosine_one (one cosine over the run), cosine_epoch (the same, constant "
        "within an epoch), custom_step (times --decay_rate at each milestone), exponential (times "
        "0.9 at each stair) or constant",
        choices=SCHEDULES,
    )
    decay_steps: str | None = option(
        None,
        "periods of the learning-rate schedule in steps, comma separated: the first period of "
        "cosine and cosine_warmup, the stair of exponential, or the milestones of custom_step",
    )
    decay_epochs: str | None = option(
        "1",
        "the periods of --decay_steps in epochs; if --decay_steps is given too, the steps count",
    )
    decay_rate: float = option(
        0.1,
        "for --lr_schedule=custom_step: factor of the learning rate at each milestone",
        above=0,
        at_most=1,
    )
    cos_t_mul: float = option(
        1.5,
        "for cosine and cosine_warmup: length of each period relative to the one before",
        at_least=1,
    )
    cos_m_mul: float = option(
        0.9,
        "for cosine and cosine_warmup: highest learning rate of each period relative to the one "
        "before",
        above=0,
        at_most=1,
    )
    warmup_epochs: float = option(
        0.0, "epochs of linear learning-rate warm-up, for the cosine schedules", at_least=0
    )
    use_ema: bool = option(
        True, "evaluate and export the exponential moving average of the weights (decay 0.999)"
    )
    l2_weight_decay: float = option(
        4e-4, "weight decay: coefficient of ½‖θ‖² in the training loss", at_least=0
    )
    label_smoothing: float = option(
        0.0, "label smoothing ε of the training labels; 0: none", at_least=0, below=1
    )
    clip_norm: float = option(
        0.0, "largest global norm of the gradient; 0: no clipping", at_least=0
    )
    accumulation_steps: int = option(
        1, "batches whose gradients are averaged for one update", above=0
    )
    distribution_strategy: str = option(
        "auto",
        "distribution strategy: none, mirrored (all devices of this machine), auto (mirrored if "
        "there are several GPUs), multi_worker_mirrored (the processes of TF_CONFIG or of a Slurm "
        "step) or tpu",
        choices=("auto", "none", "mirrored", "multi_worker_mirrored", "tpu"),
        experiment=False,
    )
    jit_compile: bool = option(
        False, "compile the training step with XLA; not with several replicas", experiment=False
    )
    steps_per_execution: int | None = option(
        None,
        "training steps per call from Python, with the same results; signals wait for the end of "
        "a call; unset: 10, or fewer for large images",
        above=0,
        experiment=False,
    )
    deterministic: bool | None = option(
        None,
        "make runs bit-for-bit reproducible; unset: true without GPUs, false with them",
        experiment=False,
    )

    def total_steps(self, steps_per_epoch: int) -> int:
        """Steps of the whole run; max_epoch wins over max_iteration."""
        if self.max_epoch is not None:
            return self.max_epoch * steps_per_epoch
        assert self.max_iteration is not None  # only the other count unsets it
        return self.max_iteration
