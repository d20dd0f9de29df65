"""Learning rates as functions of the step.

A schedule maps the 0-based number of the step that is about to run to its learning rate. The host
calls it once per step, in double precision, and hands the number to the compiled step.

The schedules of the command line come from `from_settings`. Those of the other methods are put
together from the same pieces:

  LDAM        by_epoch(warmup_factor(milestones(..., first_iteration=0), warmup_steps=4, start=0.2))
  ProSelfLC   warmup(milestones(..., first_iteration=0)), counted from the end of the warm-up
  ProSelfLC 2 warmup_factor(milestones(..., first_iteration=0)), counted from the first step;
              warmup(linear(...)); warmup_factor(piecewise(boundaries=(), values=(rate,)))
"""

import bisect
import itertools
import math
from collections.abc import Callable, Sequence

from ieg.errors import InputError
from ieg.training.settings import TrainingSettings

Schedule = Callable[[int], float]

#: Those that cannot begin with a warm-up, and those that are as long as the run.
WITHOUT_WARMUP = ("custom_step", "exponential", "constant")
STRETCHING = ("cosine_one", "cosine_epoch")


def cosine_restarts(
    *, learning_rate: float, first_period: float, t_mul: float = 1.5, m_mul: float = 0.9
) -> Schedule:
    """Cosine decay to zero that starts again, each time longer and lower.

    lr(t) = learning_rate · m_mul^i · ½ (1 + cos(π (t - S_i) / (first_period · t_mul^i)))
    S_i = first_period · (t_mul^i - 1) / (t_mul - 1), i the last cycle with S_i <= t

    Args:
      learning_rate: height of the first cycle, > 0.
      first_period: length of the first cycle in steps, >= 1; need not be an integer.
      t_mul: each cycle is this many times longer than the one before, >= 1.
      m_mul: height of a cycle relative to the one before, in (0, 1].
    Returns:
      The schedule. It never ends and is zero at most at the last step of a cycle.
    Raises:
      ValueError: an argument is out of range.

    Source: SGDR, Loshchilov and Hutter, ICLR 2017 (arXiv 1608.03983), eq. 5, with η_min = 0.

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
    """Steps at which `cosine_restarts` begins a new cycle: before them the rate is lowest.

    Behind a warm-up of W steps, pass total_steps - W and add W to the result.

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
    """
    _check_positive("learning_rate", learning_rate)
    _check_positive("total_steps", total_steps)
    return lambda step: learning_rate * _half_cosine(min(step / total_steps, 1.0))


def exponential(*, learning_rate: float, decay_steps: int, rate: float = 0.9) -> Schedule:
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
    """
    _check_positive("learning_rate", learning_rate)
    _check_positive("decay_steps", decay_steps)
    _check_rate("rate", rate)
    return lambda step: learning_rate * rate ** (step // decay_steps)


def linear(*, learning_rate: float, total_steps: int) -> Schedule:
    """Straight line to zero.

    lr(t) = learning_rate · max(1 - t / total_steps, 0)

    Args:
      learning_rate: rate of step 0, > 0.
      total_steps: step from which the rate is zero, > 0.
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is not positive.
    """
    _check_positive("learning_rate", learning_rate)
    _check_positive("total_steps", total_steps)
    return lambda step: learning_rate * max(1.0 - step / total_steps, 0.0)


def piecewise(*, boundaries: Sequence[int], values: Sequence[float]) -> Schedule:
    """Given values between given steps; constant without a boundary.

    lr(t) = values[i] with i the first boundary where t <= boundaries[i], else the last value

    Args:
      boundaries: last step of each value but the last one, >= 0, strictly increasing.
      values: learning rates, > 0, one more than boundaries.
    Returns:
      The schedule.
    Raises:
      ValueError: boundaries are not increasing, a value is not positive, the lengths do not fit.

    >>> lr = piecewise(boundaries=[10], values=[0.1, 0.01])
    >>> lr(10), lr(11)
    (0.1, 0.01)
    """
    last_steps, rates = tuple(boundaries), tuple(values)
    _check_increasing("boundaries", last_steps, lowest=0)
    for value in rates:
        _check_positive("every entry of values", value)
    if len(rates) != len(last_steps) + 1:
        raise ValueError(
            f"values must have one entry more than boundaries ({len(last_steps) + 1}), "
            f"got {len(rates)}: {rates}"
        )
    return lambda step: rates[bisect.bisect_left(last_steps, step)]


def milestones(
    *, learning_rate: float, steps: Sequence[int], rate: float, first_iteration: int = 1
) -> Schedule:
    """The rate falls by one factor at each milestone.

    lr(t) = learning_rate · rate^#{m in steps: m <= t + first_iteration}

    Args:
      learning_rate: rate before the first milestone, > 0.
      steps: milestones, >= 1, strictly increasing; iteration m is the first at the lower rate.
      rate: factor per milestone, in (0, 1].
      first_iteration: number that the milestones give to the first iteration. 1, as custom_step
        counts: m - 1 steps run before milestone m. 0, as LDAM and ProSelfLC count: m steps do.
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range or the milestones are not increasing.

    >>> lr = milestones(learning_rate=1.0, steps=[3, 5], rate=0.5)
    >>> [lr(step) for step in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    _check_positive("learning_rate", learning_rate)
    iterations = tuple(steps)
    _check_increasing("steps", iterations, lowest=1)
    _check_rate("rate", rate)
    if first_iteration not in (0, 1):
        raise ValueError(f"first_iteration must be 0 or 1, got {first_iteration!r}")

    def schedule(step: int) -> float:
        passed = bisect.bisect_right(iterations, step + first_iteration)
        return learning_rate * rate**passed

    return schedule


def warmup(schedule: Schedule, *, warmup_steps: int, learning_rate: float) -> Schedule:
    """Linear warm-up from zero that puts the schedule off: it begins where the warm-up ends.

    lr(t) = learning_rate · t / W for t < W, schedule(t - W) from there on; W = warmup_steps

    Args:
      schedule: what follows; its step 0 is step W.
      warmup_steps: length of the warm-up, >= 0; without one this is the schedule itself.
      learning_rate: where the warm-up leads, > 0.
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range.
    """
    _check_not_negative("warmup_steps", warmup_steps)
    _check_positive("learning_rate", learning_rate)

    def warmed(step: int) -> float:
        if step < warmup_steps:
            return learning_rate * step / warmup_steps
        return schedule(step - warmup_steps)

    return warmed


def warmup_factor(schedule: Schedule, *, warmup_steps: int, start: float = 0.0) -> Schedule:
    """Linear warm-up as a factor on a schedule that runs from the first step on.

    lr(t) = schedule(t) · (start + (1 - start) · min(t / warmup_steps, 1))

    Args:
      schedule: what is scaled.
      warmup_steps: step at which the factor is 1, >= 0; 0 leaves the schedule as it is.
      start: factor of step 0, in [0, 1].
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range.
    """
    _check_not_negative("warmup_steps", warmup_steps)
    if not 0 <= start <= 1:
        raise ValueError(f"start must be in [0, 1], got {start!r}")

    def scaled(step: int) -> float:
        if step >= warmup_steps:
            return schedule(step)
        return schedule(step) * (start + (1.0 - start) * step / warmup_steps)

    return scaled


def by_epoch(schedule: Schedule, *, steps_per_epoch: int) -> Schedule:
    """A schedule over 0-based epochs, constant within each.

    lr(t) = schedule(⌊t / steps_per_epoch⌋)

    Args:
      schedule: maps the epoch to its learning rate.
      steps_per_epoch: > 0.
    Returns:
      The schedule over steps.
    Raises:
      ValueError: steps_per_epoch is not positive.
    """
    _check_positive("steps_per_epoch", steps_per_epoch)
    return lambda step: schedule(step // steps_per_epoch)


def cosine_epoch(
    *, learning_rate: float, total_steps: int, steps_per_epoch: int, warmup_steps: int = 0
) -> Schedule:
    """One cosine over the run in stairs of an epoch, with a warm-up as a factor from 0.1 to 1.

    lr(t) = learning_rate · ½ (1 + cos(π ⌊t/S⌋ / E)) · (0.1 + 0.9 min(t / warmup_steps, 1))

    with S steps per epoch and E = total_steps / S epochs: the schedule of the Dynamic Loss release.

    Args:
      learning_rate: rate after the warm-up if that took no time, > 0.
      total_steps: > 0.
      steps_per_epoch: S > 0.
      warmup_steps: >= 0.
    Returns:
      The schedule.
    Raises:
      ValueError: an argument is out of range.
    """
    _check_positive("steps_per_epoch", steps_per_epoch)
    cosine = cosine_one(learning_rate=learning_rate, total_steps=total_steps)
    stairs = by_epoch(
        lambda epoch: cosine(epoch * steps_per_epoch), steps_per_epoch=steps_per_epoch
    )
    return warmup_factor(stairs, warmup_steps=warmup_steps, start=0.1)


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
    _check_warmup(name, warmup_steps, total_steps)
    if name == "constant":
        return lambda step: rate
    if name == "custom_step":
        return milestones(learning_rate=rate, steps=periods, rate=settings.decay_rate)
    if name == "exponential":
        return exponential(learning_rate=rate, decay_steps=periods[0])
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
    """Where cycle `index` begins: the sum of all periods before it, in steps."""
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
    # Next to a restart the inverse may round into the neighbour cycle. `restart_steps` knows only
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


def _check_warmup(name: str, warmup_steps: int, total_steps: int) -> None:
    if name in WITHOUT_WARMUP and warmup_steps != 0:
        raise ValueError(
            f"warmup_steps must be 0 for {name} (only the cosine schedules warm up), "
            f"got {warmup_steps!r}"
        )
    if name == "cosine_warmup" and warmup_steps == 0:
        raise ValueError("warmup_steps must be positive for cosine_warmup, got 0")
    if name == "cosine_one" and warmup_steps >= total_steps > 0:
        raise ValueError(
            f"warmup_steps must be below total_steps ({total_steps}) for cosine_one, "
            f"got {warmup_steps!r}"
        )


def _check_rate(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{name} must be in (0, 1], got {value!r}")


def _check_cycles(first_period: float, t_mul: float) -> None:
    # Below these bounds cycles become shorter than a step.
    if not 1 <= first_period < math.inf:
        raise ValueError(f"first_period must be at least 1 step, got {first_period!r}")
    if not 1 <= t_mul < math.inf:
        raise ValueError(f"t_mul must be at least 1, got {t_mul!r}")


def _check_increasing(name: str, steps: Sequence[int], *, lowest: int) -> None:
    in_order = all(before < after for before, after in itertools.pairwise(steps))
    if not in_order or any(step < lowest for step in steps):
        raise ValueError(
            f"{name} must be strictly increasing and at least {lowest}, got {list(steps)}"
        )
