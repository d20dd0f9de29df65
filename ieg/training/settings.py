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

    max_iteration: int | None = option(200000, "training steps", above=0, experiment=False)
    max_epoch: int | None = option(
        None, "the same as passes over the training data", above=0, experiment=False
    )
    batch_size: int = option(100, "images per replica and step", above=0)
    probe_batch_size: int | None = option(
        None, "clean probe images per replica and step; unset: as many as --batch_size", above=0
    )
    learning_rate: float = option(0.1, "of SGD at the start", above=0)
    momentum: float = option(0.9, "of SGD", at_least=0, below=1)
    lr_schedule: str = option(
        "cosine",
        "cosine (restarts), cosine_warmup, cosine_one (one cosine over the run), cosine_epoch (the "
        "same in stairs of an epoch), custom_step (milestones), exponential (factor 0.9, "
        "staircase) or constant",
        choices=SCHEDULES,
    )
    decay_steps: str | None = option(
        None, "first cosine period, exponential step or milestones, in steps: comma separated"
    )
    decay_epochs: str | None = option("1", "the same in epochs")
    decay_rate: float = option(0.1, "factor at each milestone of custom_step", above=0)
    cos_t_mul: float = option(1.5, "each cosine period is this much longer", at_least=1)
    cos_m_mul: float = option(0.9, "each cosine period starts this much lower", above=0)
    warmup_epochs: float = option(0.0, "linear warm-up of the learning rate", at_least=0)
    use_ema: bool = option(True, "evaluate an exponential moving average of the weights (0.999)")
    l2_weight_decay: float = option(4e-4, "coefficient of ½‖θ‖²", at_least=0)
    label_smoothing: float = option(0.0, "of the training labels", at_least=0, below=1)
    clip_norm: float = option(0.0, "largest global gradient norm; 0 does not clip", at_least=0)
    accumulation_steps: int = option(
        1, "batches whose gradients are averaged for one update", above=0
    )
    distribution_strategy: str = option(
        "auto",
        "none, mirrored (all devices of this machine), auto (mirrored with several GPUs), "
        "multi_worker_mirrored (the processes of TF_CONFIG or a Slurm step), or tpu",
        choices=("auto", "none", "mirrored", "multi_worker_mirrored", "tpu"),
        experiment=False,
    )
    jit_compile: bool = option(
        False, "let XLA compile the training step; not with several replicas", experiment=False
    )
    steps_per_execution: int | None = option(
        None,
        "training steps for each call from Python, with the same results; a signal waits for them; "
        "unset: 10, or fewer of large images",
        above=0,
        experiment=False,
    )
    deterministic: bool | None = option(
        None,
        "bit for bit the same in every run; unset: on without GPUs, off with",
        experiment=False,
    )

    def total_steps(self, steps_per_epoch: int) -> int:
        """Steps of the whole run; max_epoch wins over max_iteration."""
        if self.max_epoch is not None:
            return self.max_epoch * steps_per_epoch
        assert self.max_iteration is not None  # only the other count unsets it
        return self.max_iteration
