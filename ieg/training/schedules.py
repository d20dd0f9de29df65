"""Learning rates as functions of the step.

A schedule maps the 0-based number of the step that is about to run to its learning rate. The host
calls it once per step, in double precision, and hands the number to the compiled step.

`from_settings` builds the schedules of `lr_schedule` from the functions before it. Those of LDAM
and ProSelfLC count milestones from 0: their rate falls one step later than that of `milestones`.
"""

import bisect
import itertools
import math
from collections.abc import Callable, Sequence

from ieg.errors import InputError
from ieg.training.settings import TrainingSettings

#: 0-based step → learning rate.
Schedule = Callable[[int], float]

#: Schedules that cannot begin with a warm-up, and those that depend on the length of the run.
WITHOUT_WARMUP = ("custom_step", "exponential", "constant")
STRETCHING = ("cosine_one", "cosine_epoch")


def cosine_restarts(
    *, learning_rate: float, first_period: float, t_mul: float, m_mul: float
) -> Schedule:
    """Cosine decay to zero with warm restarts; cycles become longer and lower.

    lr(t) = learning_rate · m_mul^i · ½ (1 + cos(π (t - S_i) / (first_period · t_mul^i)))
    S_i = first_period · (t_mul^i - 1) / (t_mul - 1), i the last cycle with S_i <= t

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
    arXiv 1608.03983, eq. 5 with η_min = 0; m_mul as in Keras' CosineDecayRestarts.

    Args:
      learning_rate: height of the first cycle, > 0.
      first_period: length of the first cycle in steps, >= 1; need not be an integer.
      t_mul: length of a cycle relative to the one before, >= 1.
      m_mul: height of a cycle relative to the one before, in (0, 1].
    Returns:
      The schedule. It never ends and is zero at most at the last step of a cycle.
    Raises:
      ValueError: an argument is out of range.

    >>> lr = cosine_restarts(learning_rate=0.1, first_period=4, t_mul=2.0, m_mul=0.5)
    >>> [round(lr(step), 4) for step in (0, 2, 4, 8, 12)]
    [0.1, 0.05, 0.05, 0.025, 0.025]
    """
    _check_positive("learning_rate", learning_rate)
    _check_cycles(first_period, t_mul)
    _check_rate("m_mul", m_mul)

    def schedule(step: int) -> float:
        index = _cycle_index(step, first_period, t_mul)
        done = (step - _cycle_start(index, first_period, t_mul)) / (first_period * t_mul**index)
        return learning_rate * m_mul**index * _half_cosine(done)

    return schedule


def restart_steps(first_period: float, t_mul: float, total_steps: int) -> list[int]:
    """Steps at which `cosine_restarts` begins a new cycle; just before, the rate is lowest.

    After a warm-up of W steps, pass total_steps - W and add W to the result.

    Args:
      first_period: as in `cosine_restarts`.
      t_mul: as in `cosine_restarts`.
      total_steps: last step of interest, > 0.
    Returns:
      The first integer step of each cycle but the first, ascending, in 1..total_steps.
    Raises:
      ValueError: an argument is out of range.

    >>> restart_steps(500, 1.5, 5000)
    [500, 1250, 2375, 4063]
    """
    _check_cycles(first_period, t_mul)
    _check_positive("total_steps", total_steps)
    starts = (math.ceil(_cycle_start(i, first_period, t_mul)) for i in itertools.count(1))
    return list(itertools.takewhile(lambda start: start <= total_steps, starts))


def cosine_one(*, learning_rate: float, total_steps: int) -> Schedule:
    """One cosine over the whole run.

    lr(t) = learning_rate · ½ (1 + cos(π min(t / total_steps, 1)))

    Args:
      learning_rate: rate of step 0, > 0.
      total_steps: step from which the rate is zero, > 0.
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is not positive.

    >>> lr = cosine_one(learning_rate=0.5, total_steps=6)
    >>> [round(lr(step), 4) for step in (0, 2, 3, 4, 6)]
    [0.5, 0.375, 0.25, 0.125, 0.0]
    """
    _check_positive("learning_rate", learning_rate)
    _check_positive("total_steps", total_steps)
    return lambda step: learning_rate * _half_cosine(min(step / total_steps, 1.0))


def exponential(*, learning_rate: float, decay_steps: int, rate: float) -> Schedule:
    """Exponential decay in stairs.

    lr(t) = learning_rate · rate^⌊t / decay_steps⌋

    Args:
      learning_rate: rate of the first stair, > 0.
      decay_steps: length of a stair in steps, > 0.
      rate: factor from stair to stair, in (0, 1].
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range.

    >>> lr = exponential(learning_rate=1.0, decay_steps=2, rate=0.5)
    >>> [lr(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _check_positive("learning_rate", learning_rate)
    _check_positive("decay_steps", decay_steps)
    _check_rate("rate", rate)
    return lambda step: learning_rate * rate ** (step // decay_steps)


def milestones(*, learning_rate: float, steps: Sequence[int], rate: float) -> Schedule:
    """Step decay by one factor at each milestone.

    lr(t) = learning_rate · rate^#{m in steps: m <= t + 1}

    Milestones count iterations from 1 as IEG does: m - 1 steps run before milestone m.

    Args:
      learning_rate: rate before the first milestone, > 0.
      steps: milestones, >= 1, strictly increasing; iteration m is the first at the lower rate.
      rate: factor per milestone, in (0, 1].
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range or the milestones are not increasing.

    >>> lr = milestones(learning_rate=1.0, steps=[3, 5], rate=0.5)
    >>> [lr(step) for step in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    _check_positive("learning_rate", learning_rate)
    _check_rate("rate", rate)
    iterations = tuple(steps)
    in_order = all(before < after for before, after in itertools.pairwise(iterations))
    if not in_order or any(step < 1 for step in iterations):
        raise ValueError(f"steps must be strictly increasing and at least 1, got {list(steps)}")
    return lambda step: learning_rate * rate ** bisect.bisect_right(iterations, step + 1)


def warmup(schedule: Schedule, *, warmup_steps: int, learning_rate: float) -> Schedule:
    """Linear warm-up from zero in front of a schedule.

    lr(t) = learning_rate · t / W for t < W, then schedule(t - W), with W = warmup_steps

    Args:
      schedule: its step 0 becomes step W.
      warmup_steps: W >= 0; with 0 the result equals `schedule`.
      learning_rate: end of the warm-up, > 0.
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range.

    >>> lr = warmup(lambda step: 0.5, warmup_steps=2, learning_rate=1.0)
    >>> [lr(step) for step in range(4)]
    [0.0, 0.5, 0.5, 0.5]
    """
    _check_not_negative("warmup_steps", warmup_steps)
    _check_positive("learning_rate", learning_rate)

    def warmed(step: int) -> float:
        if step < warmup_steps:
            return learning_rate * step / warmup_steps
        return schedule(step - warmup_steps)

    return warmed


def cosine_epoch(
    *, learning_rate: float, total_steps: int, steps_per_epoch: int, warmup_steps: int
) -> Schedule:
    """One cosine over the run in stairs of an epoch, with a warm-up factor from 0.1 to 1.

    lr(t) = learning_rate · ½ (1 + cos(π ⌊t/S⌋ / E)) · (0.1 + 0.9 min(t / warmup_steps, 1))

    with S steps per epoch and E = total_steps / S epochs: the schedule of the Dynamic Loss release.

    Args:
      learning_rate: height of the cosine, > 0.
      total_steps: > 0.
      steps_per_epoch: S > 0.
      warmup_steps: >= 0.
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range.
    """
    _check_positive("steps_per_epoch", steps_per_epoch)
    _check_not_negative("warmup_steps", warmup_steps)
    cosine = cosine_one(learning_rate=learning_rate, total_steps=total_steps)

    def schedule(step: int) -> float:
        rate = cosine(step // steps_per_epoch * steps_per_epoch)
        return rate if step >= warmup_steps else rate * (0.1 + 0.9 * step / warmup_steps)

    return schedule


def from_settings(
    settings: TrainingSettings, *, steps_per_epoch: int, total_steps: int
) -> Schedule:
    """The learning rate schedule of a run.

    cosine (restarts), cosine_warmup (the same, and a warm-up is compulsory), cosine_one,
    cosine_epoch, custom_step (`milestones`), exponential (factor 0.9) or constant. The cosine
    schedules start counting at the end of the warm-up.

    Args:
      settings: of training.
      steps_per_epoch: steps in one pass over the training data.
      total_steps: length of the run; cosine_one and cosine_epoch end there, warm-up included.
    Raises:
      InputError: the settings of the schedule do not fit together.
    """
    try:
        return _from_settings(settings, steps_per_epoch, total_steps)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        name = settings.lr_schedule
        raise InputError(str(error), option="lr_schedule", value=name) from None


def _from_settings(settings: TrainingSettings, steps_per_epoch: int, total_steps: int) -> Schedule:
    name, rate = settings.lr_schedule, settings.learning_rate
    warmup_steps = warmup_length(settings, steps_per_epoch)
    periods = decay_lengths(settings, steps_per_epoch)
    _check_warmup(settings, warmup_steps, total_steps)
    if name == "constant":
        _check_positive("learning_rate", rate)
        return lambda step: rate
    if name == "custom_step":
        return milestones(learning_rate=rate, steps=periods, rate=settings.decay_rate)
    if name == "exponential":
        return exponential(learning_rate=rate, decay_steps=periods[0], rate=0.9)
    if name == "cosine_epoch":
        return cosine_epoch(
            learning_rate=rate,
            total_steps=total_steps,
            steps_per_epoch=steps_per_epoch,
            warmup_steps=warmup_steps,
        )
    if name == "cosine_one":
        cosine = cosine_one(learning_rate=rate, total_steps=total_steps - warmup_steps)
    else:
        cosine = cosine_restarts(
            learning_rate=rate,
            first_period=periods[0],
            t_mul=settings.cos_t_mul,
            m_mul=settings.cos_m_mul,
        )
    return warmup(cosine, warmup_steps=warmup_steps, learning_rate=rate)


def cycle_ends(settings: TrainingSettings, *, steps_per_epoch: int, total_steps: int) -> list[int]:
    """Steps at the ends of the cosine cycles, where the rate is lowest; none of other schedules.

    Args:
      settings, steps_per_epoch, total_steps: as for `from_settings`.
    """
    warmup_steps = warmup_length(settings, steps_per_epoch)
    if settings.lr_schedule not in ("cosine", "cosine_warmup") or warmup_steps >= total_steps:
        return []
    first_period = decay_lengths(settings, steps_per_epoch)[0]
    cycles = restart_steps(first_period, settings.cos_t_mul, total_steps - warmup_steps)
    return [warmup_steps + step for step in cycles]


def warmup_length(settings: TrainingSettings, steps_per_epoch: int) -> int:
    """Steps of the linear warm-up."""
    return math.ceil(settings.warmup_epochs * steps_per_epoch)


def decay_lengths(settings: TrainingSettings, steps_per_epoch: int) -> list[int]:
    """The entries of decay_steps or decay_epochs in steps.

    The first is the first period of the cosine and the length of an exponential stair; all of them
    are the milestones of custom_step. cosine_one, cosine_epoch and constant do not use them.

    Raises:
      InputError: an entry is no number, or shorter than a step.
    """
    name = "decay_epochs" if settings.decay_steps is None else "decay_steps"
    scale = steps_per_epoch if name == "decay_epochs" else 1
    text = str(getattr(settings, name))
    try:
        steps = [round(float(word) * scale) for word in text.split(",")]
    except (ValueError, OverflowError):
        raise InputError("must be numbers separated by commas", option=name, value=text) from None
    if min(steps) < 1:
        raise InputError("every entry must be at least one step", option=name, value=text)
    return steps


def _half_cosine(done: float) -> float:
    """½ (1 + cos(π done)): 1 at the start of a cycle, 0 at its end."""
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _cycle_start(index: int, first_period: float, t_mul: float) -> float:
    """First step of cycle `index`, the sum of all periods before it; need not be an integer."""
    if t_mul == 1:
        start = first_period * index
    else:
        # expm1 keeps the digits that t_mul**index - 1 loses when t_mul is close to 1.
        start = first_period * math.expm1(index * math.log(t_mul)) / (t_mul - 1)
    # A multiplier such as 1.1 is not exact in binary: a start that should be the integer 210 could
    # come out a hair above it, and the restart a whole step late.
    return round(start, 7)


def _cycle_index(step: int, first_period: float, t_mul: float) -> int:
    """The last cycle that begins at or before `step`."""
    if t_mul == 1:
        index = int(step / first_period)
    else:
        index = int(math.log1p(step / first_period * (t_mul - 1)) / math.log(t_mul))
    # Next to a restart the inverse may round into the neighboring cycle. `restart_steps` knows only
    # the starts, so they decide.
    if _cycle_start(index, first_period, t_mul) > step:
        return index - 1
    if _cycle_start(index + 1, first_period, t_mul) <= step:
        return index + 1
    return index


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")


def _check_not_negative(name: str, value: int) -> None:
    if value < 0:
        raise ValueError(f"{name} must be 0 or more, got {value!r}")


def _check_warmup(settings: TrainingSettings, warmup_steps: int, total_steps: int) -> None:
    name, problem = settings.lr_schedule, None
    if name in WITHOUT_WARMUP and warmup_steps != 0:
        problem = f"must be 0 for `lr_schedule={name}`: only the cosine schedules warm up"
    elif name == "cosine_warmup" and warmup_steps == 0:
        problem = f"must be above 0 for `lr_schedule={name}`"
    elif name == "cosine_one" and warmup_steps >= total_steps > 0:
        problem = f"{warmup_steps} steps of warm-up leave none of {total_steps} to the cosine"
    if problem is not None:
        raise InputError(problem, option="warmup_epochs", value=settings.warmup_epochs)


def _check_rate(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{name} must be in (0, 1], got {value!r}")


def _check_cycles(first_period: float, t_mul: float) -> None:
    # Below these bounds cycles become shorter than a step.
    if not 1 <= first_period < math.inf:
        raise ValueError(f"first_period must be at least 1 step, got {first_period!r}")
    if not 1 <= t_mul < math.inf:
        raise ValueError(f"t_mul must be at least 1, got {t_mul!r}")
