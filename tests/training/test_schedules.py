"""Schedules: values worked out by hand, restarts, properties and errors."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from ieg.training import schedules
from ieg.training.settings import SCHEDULES, TrainingSettings


def rates(schedule: schedules.Schedule, steps: list[int]) -> Any:
    return pytest.approx([schedule(step) for step in steps], rel=1e-12, abs=1e-15)


def restarts(**changes: float) -> schedules.Schedule:
    arguments = {"learning_rate": 1.0, "first_period": 5, "t_mul": 1.5, "m_mul": 0.9}
    return schedules.cosine_restarts(**(arguments | changes))


def from_settings(
    name: str, *, total_steps: int = 100, steps_per_epoch: int = 25, warmup: int = 0, **changes: Any
) -> schedules.Schedule:
    """The schedule of that name with periods of 10 and 20 steps and a warm-up in steps."""
    settings = {
        "learning_rate": 0.1,
        "decay_steps": "10,20",
        "decay_rate": 0.1,
        "cos_t_mul": 2.0,
        "cos_m_mul": 0.5,
    }
    return schedules.from_settings(
        TrainingSettings(
            lr_schedule=name, warmup_epochs=warmup / steps_per_epoch, **(settings | changes)
        ),
        total_steps=total_steps,
        steps_per_epoch=steps_per_epoch,
    )


@pytest.mark.parametrize(
    ("first_period", "t_mul", "total_steps", "expected"),
    [
        (4, 2.0, 28, [4, 12, 28]),
        (4, 2.0, 27, [4, 12]),
        (100, 1.1, 500, [100, 210, 331, 465]),
        (2.5, 1.0, 10, [3, 5, 8, 10]),
        (1000 / 3, 1.0, 2000, [334, 667, 1000, 1334, 1667, 2000]),
        (10, 1.5, 9, []),
    ],
)
def test_restart_steps_by_hand(
    first_period: float, t_mul: float, total_steps: int, expected: list[int]
) -> None:
    assert schedules.restart_steps(first_period, t_mul, total_steps) == expected


@pytest.mark.parametrize("first_period", [5, 7.3, 100, 500])
@pytest.mark.parametrize("t_mul", [1.0, 1.0 + 1e-9, 1.01, 1.1, 1.5, 2.0])
def test_the_rate_rises_exactly_at_the_restart_steps(first_period: float, t_mul: float) -> None:
    lr = restarts(first_period=first_period, t_mul=t_mul, m_mul=0.99)
    # With 1.01 and a first period of 100 these are more than 100 cycles; m_mul^i stays above 0.
    values = [lr(step) for step in range(20_001)]
    rises = [step for step in range(1, 20_001) if values[step] > values[step - 1]]
    assert rises == schedules.restart_steps(first_period, t_mul, 20_000)


@pytest.mark.parametrize("t_mul", [1.0, 1.1, 1.5, 2.0])
def test_restart_heights(t_mul: float) -> None:
    lr = restarts(learning_rate=0.3, first_period=1000, t_mul=t_mul)
    for index, step in enumerate(schedules.restart_steps(1000, t_mul, 200_000), start=1):
        # A cycle may begin between two steps: then the first one is already a little lower.
        assert lr(step) == pytest.approx(0.3 * 0.9**index, rel=3e-6)
        assert lr(step) <= 0.3 * 0.9**index


def test_equal_cycles_do_not_drift_over_a_long_run() -> None:
    lr = restarts(first_period=7, t_mul=1.0, m_mul=1.0)
    assert all(lr(step) == lr(step % 7) for step in range(199_000, 200_000))


def test_long_run_against_accumulated_periods() -> None:
    lr = restarts(learning_rate=0.1, first_period=490)
    start, period, height = 0.0, 490.0, 0.1
    for step in range(0, 200_000, 13):
        while start + period <= step:
            start, period, height = start + period, period * 1.5, height * 0.9
        expected = height * 0.5 * (1 + math.cos(math.pi * (step - start) / period))
        assert lr(step) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_milestones_do_not_see_later_changes_of_their_list() -> None:
    steps = [2]
    lr = schedules.milestones(learning_rate=1.0, steps=steps, rate=0.1)
    steps[0] = 9
    assert rates(lr, [0, 1]) == [1.0, 0.1]


def test_no_warmup_leaves_the_schedule_as_it_is() -> None:
    lr = schedules.warmup(lambda step: 1 / (1 + step), warmup_steps=0, learning_rate=1.0)
    assert rates(lr, [0, 1, 4]) == [1.0, 0.5, 0.2]


@pytest.mark.parametrize("name", ["cosine", "cosine_warmup"])
def test_restarts_count_from_the_end_of_the_warmup(name: str) -> None:
    # Cycles of 10 and 20 steps after the warm-up, the second at half the height.
    lr = from_settings(name, warmup=4)
    assert rates(lr, [0, 2, 4, 9, 14, 24]) == [0.0, 0.05, 0.1, 0.05, 0.05, 0.025]


def test_cosine_one_runs_over_what_the_warmup_leaves() -> None:
    lr = from_settings("cosine_one", warmup=20)
    assert rates(lr, [0, 10, 20, 60, 100, 101]) == [0.0, 0.05, 0.1, 0.05, 0.0, 0.0]
    assert rates(from_settings("cosine_one"), [0, 50, 100]) == [0.1, 0.05, 0.0]


def test_cosine_epoch_has_four_stairs_and_a_factor_that_warms_up() -> None:
    lr = from_settings("cosine_epoch")
    high, low = 0.05 * (1 + math.sqrt(0.5)), 0.05 * (1 - math.sqrt(0.5))
    assert rates(lr, [0, 24, 25, 49, 50, 75, 99]) == [0.1, 0.1, high, high, 0.05, low, low]
    warmed = from_settings("cosine_epoch", warmup=50)
    assert rates(warmed, [0, 10, 25, 50]) == [0.01, 0.1 * 0.28, high * 0.55, 0.05]


def test_custom_step_counts_iterations_from_one() -> None:
    assert rates(from_settings("custom_step"), [8, 9, 18, 19]) == [0.1, 0.01, 0.01, 0.001]


def test_exponential_does_not_read_decay_rate() -> None:
    lr = from_settings("exponential", decay_rate=0.5)
    assert rates(lr, [9, 10, 20]) == [0.1, 0.09, 0.081]


def test_constant_needs_no_length() -> None:
    assert rates(from_settings("constant"), [0, 9, 500]) == [0.1, 0.1, 0.1]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("cosine_warmup", {}, "^`warmup_epochs=0.0`: must be above 0 for"),
        ("cosine", {"decay_steps": "ten"}, "^`decay_steps=ten`: must be numbers separated by"),
        ("custom_step", {"decay_steps": "4,0"}, "^`decay_steps=4,0`: every entry must be at least"),
        ("cosine", {"cos_t_mul": 0.9}, "t_mul must be at least 1, got 0.9"),
        ("cosine", {"cos_m_mul": 0.0}, r"m_mul must be in \(0, 1\], got 0.0"),
        ("cosine_one", {"warmup": 100}, "^`warmup_epochs=.*100 steps of warm-up leave none of 100"),
        ("cosine_one", {"total_steps": 0}, "total_steps must be positive and finite, got 0"),
        ("cosine_epoch", {"warmup": -1}, "warmup_steps must be 0 or more, got -1"),
        ("custom_step", {"warmup": 3}, "^`warmup_epochs=.*must be 0 for `lr_schedule=custom_step"),
        ("exponential", {"warmup": 3}, "^`warmup_epochs=.*must be 0 for `lr_schedule=exponential"),
        ("constant", {"warmup": 3}, "^`warmup_epochs=.*must be 0 for `lr_schedule=constant"),
        ("custom_step", {"decay_steps": "20,10"}, r"strictly increasing.*got \[20, 10\]"),
        ("custom_step", {"decay_rate": 10.0}, r"rate must be in \(0, 1\], got 10.0"),
    ],
)
def test_arguments_that_do_not_fit(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_settings(name, **changes)


@pytest.mark.parametrize("learning_rate", [0.0, -0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "cosine_warmup"])
def test_the_learning_rate_must_be_positive(name: str, learning_rate: float) -> None:
    with pytest.raises(ValueError, match=f"learning_rate must be positive.*got {learning_rate}"):
        from_settings(name, learning_rate=learning_rate)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.restart_steps(0.5, 1.5, 9), "first_period must be at least 1 step"),
        (lambda: schedules.restart_steps(5, 1.5, 0), "total_steps must be positive"),
    ],
)
def test_restart_steps_refuses(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
