"""Schedules: values worked out by hand, boundaries, properties and errors."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from ieg.training import schedules


def rates(schedule: schedules.Schedule, steps: list[int]) -> Any:
    return pytest.approx([schedule(step) for step in steps], rel=1e-12, abs=1e-15)


def from_name(name: str, **changes: Any) -> schedules.Schedule:
    arguments: dict[str, Any] = {
        "learning_rate": 0.1,
        "total_steps": 100,
        "steps_per_epoch": 25,
        "decay_steps": [10, 20],
        "decay_rate": 0.1,
        "cos_t_mul": 2.0,
        "cos_m_mul": 0.5,
        "warmup_steps": 0,
    }
    return schedules.from_name(name, **(arguments | changes))


def test_cosine_restarts_by_hand() -> None:
    lr = schedules.cosine_restarts(learning_rate=0.1, first_period=4, t_mul=2.0, m_mul=0.5)
    half = math.sqrt(0.5)
    assert rates(lr, [0, 1, 2, 3]) == [0.1, 0.05 * (1 + half), 0.05, 0.05 * (1 - half)]
    # Cycles: 0..3, 4..11, 12..27, with half the height each.
    assert rates(lr, [4, 8, 12, 20, 28]) == [0.05, 0.025, 0.025, 0.0125, 0.0125]


def test_cosine_restarts_default_multipliers() -> None:
    lr = schedules.cosine_restarts(learning_rate=0.1, first_period=500)
    # Cycles begin at 500, 500 + 750 and 1250 + 1125.
    assert rates(lr, [500, 1250, 2375]) == [0.09, 0.081, 0.0729]
    assert lr(250) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("first_period", "t_mul", "total_steps", "expected"),
    [
        (4, 2.0, 28, [4, 12, 28]),
        (4, 2.0, 27, [4, 12]),
        (500, 1.5, 5000, [500, 1250, 2375, 4063]),
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
    lr = schedules.cosine_restarts(
        learning_rate=1.0, first_period=first_period, t_mul=t_mul, m_mul=0.99
    )
    # With 1.01 and a first period of 100 these are more than 100 cycles; m_mul^i stays above 0.
    values = [lr(step) for step in range(20_001)]
    rises = [step for step in range(1, 20_001) if values[step] > values[step - 1]]
    assert rises == schedules.restart_steps(first_period, t_mul, 20_000)


@pytest.mark.parametrize("t_mul", [1.0, 1.1, 1.5, 2.0])
def test_restart_heights(t_mul: float) -> None:
    lr = schedules.cosine_restarts(learning_rate=0.3, first_period=1000, t_mul=t_mul, m_mul=0.9)
    for index, step in enumerate(schedules.restart_steps(1000, t_mul, 200_000), start=1):
        # A cycle may begin between two steps: then the first one is already a little lower.
        assert lr(step) == pytest.approx(0.3 * 0.9**index, rel=3e-6)
        assert lr(step) <= 0.3 * 0.9**index


def test_equal_cycles_do_not_drift_over_a_long_run() -> None:
    lr = schedules.cosine_restarts(learning_rate=0.1, first_period=7, t_mul=1.0, m_mul=1.0)
    assert all(lr(step) == lr(step % 7) for step in range(199_000, 200_000))


def test_long_run_against_accumulated_periods() -> None:
    lr = schedules.cosine_restarts(learning_rate=0.1, first_period=490, t_mul=1.5, m_mul=0.9)
    start, period, height = 0.0, 490.0, 0.1
    for step in range(0, 200_000, 13):
        while start + period <= step:
            start, period, height = start + period, period * 1.5, height * 0.9
        expected = height * 0.5 * (1 + math.cos(math.pi * (step - start) / period))
        assert lr(step) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_cosine_one() -> None:
    lr = schedules.cosine_one(learning_rate=0.2, total_steps=6)
    assert rates(lr, [0, 2, 3, 4, 6, 7]) == [0.2, 0.15, 0.1, 0.05, 0.0, 0.0]


def test_exponential() -> None:
    lr = schedules.exponential(learning_rate=1.0, decay_steps=5)
    assert rates(lr, [0, 4, 5, 9, 10]) == [1.0, 1.0, 0.9, 0.9, 0.81]


def test_linear() -> None:
    lr = schedules.linear(learning_rate=1.0, total_steps=4)
    assert rates(lr, [0, 1, 3, 4, 5]) == [1.0, 0.75, 0.25, 0.0, 0.0]


def test_piecewise_keeps_the_value_on_the_boundary() -> None:
    lr = schedules.piecewise(boundaries=[2, 5], values=[3.0, 2.0, 1.0])
    assert rates(lr, [0, 2, 3, 5, 6, 99]) == [3.0, 3.0, 2.0, 2.0, 1.0, 1.0]


def test_piecewise_without_boundaries_is_constant() -> None:
    lr = schedules.piecewise(boundaries=(), values=(0.01,))
    assert rates(lr, [0, 200_000]) == [0.01, 0.01]


def test_milestones_count_iterations_from_one() -> None:
    lr = schedules.milestones(learning_rate=1.0, steps=[160, 180], rate=0.01)
    assert rates(lr, [0, 158, 159, 178, 179]) == [1.0, 1.0, 0.01, 0.01, 0.0001]


def test_milestones_count_iterations_from_zero() -> None:
    lr = schedules.milestones(learning_rate=1.0, steps=[160], rate=0.01, first_iteration=0)
    assert rates(lr, [159, 160]) == [1.0, 0.01]


def test_schedules_do_not_see_later_changes_of_their_lists() -> None:
    steps, boundaries, values = [2], [2], [1.0, 0.5]
    by_milestone = schedules.milestones(learning_rate=1.0, steps=steps, rate=0.1)
    by_value = schedules.piecewise(boundaries=boundaries, values=values)
    steps[0] = boundaries[0] = 9
    values[1] = 7.0
    assert rates(by_milestone, [1]) == [0.1]
    assert rates(by_value, [3]) == [0.5]


def test_warmup_puts_the_schedule_off() -> None:
    after = schedules.piecewise(boundaries=[0], values=[1.0, 0.5])
    lr = schedules.warmup(after, warmup_steps=4, learning_rate=1.0)
    assert rates(lr, [0, 1, 3, 4, 5]) == [0.0, 0.25, 0.75, 1.0, 0.5]


def test_warmup_factor_scales_the_running_schedule() -> None:
    base = schedules.piecewise(boundaries=[1], values=[10.0, 1.0])
    lr = schedules.warmup_factor(base, warmup_steps=4, start=0.2)
    assert rates(lr, [0, 1, 2, 4, 5]) == [2.0, 4.0, 0.6, 1.0, 1.0]


def test_no_warmup_leaves_the_schedule_as_it_is() -> None:
    base = schedules.linear(learning_rate=1.0, total_steps=4)
    put_off = schedules.warmup(base, warmup_steps=0, learning_rate=1.0)
    scaled = schedules.warmup_factor(base, warmup_steps=0)
    for lr in (put_off, scaled):
        assert rates(lr, [0, 1, 4]) == [1.0, 0.75, 0.0]


def test_by_epoch_is_constant_within_an_epoch() -> None:
    epochs = schedules.linear(learning_rate=1.0, total_steps=2)
    lr = schedules.by_epoch(epochs, steps_per_epoch=3)
    assert rates(lr, [0, 2, 3, 5, 6]) == [1.0, 1.0, 0.5, 0.5, 0.0]


def test_from_name_cosine() -> None:
    # First period 10 = the first entry of decay_steps; the second begins at half the height.
    assert rates(from_name("cosine"), [0, 5, 10, 20]) == [0.1, 0.05, 0.05, 0.025]


@pytest.mark.parametrize("name", ["cosine", "cosine_warmup"])
def test_from_name_restarts_count_from_the_end_of_the_warmup(name: str) -> None:
    lr = from_name(name, warmup_steps=4)
    assert rates(lr, [0, 2, 4, 9, 14, 24]) == [0.0, 0.05, 0.1, 0.05, 0.05, 0.025]


def test_from_name_cosine_one_runs_over_what_the_warmup_leaves() -> None:
    lr = from_name("cosine_one", warmup_steps=20, decay_steps=[])
    assert rates(lr, [0, 10, 20, 60, 100]) == [0.0, 0.05, 0.1, 0.05, 0.0]
    assert rates(from_name("cosine_one"), [0, 50, 100]) == [0.1, 0.05, 0.0]


def test_from_name_cosine_epoch_has_four_stairs_and_a_factor_that_warms_up() -> None:
    lr = from_name("cosine_epoch", decay_steps=[])
    high, low = 0.05 * (1 + math.sqrt(0.5)), 0.05 * (1 - math.sqrt(0.5))
    assert rates(lr, [0, 24, 25, 49, 50, 75, 99]) == [0.1, 0.1, high, high, 0.05, low, low]
    warmed = from_name("cosine_epoch", warmup_steps=50)
    assert rates(warmed, [0, 10, 25, 50]) == [0.01, 0.1 * 0.28, high * 0.55, 0.05]


def test_from_name_custom_step() -> None:
    assert rates(from_name("custom_step"), [8, 9, 18, 19]) == [0.1, 0.01, 0.01, 0.001]


def test_from_name_exponential_does_not_read_decay_rate() -> None:
    assert rates(from_name("exponential"), [9, 10, 20]) == [0.1, 0.09, 0.081]


def test_from_name_constant_needs_no_length() -> None:
    assert rates(from_name("constant", decay_steps=[]), [0, 9, 500]) == [0.1, 0.1, 0.1]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("step", {}, "lr_schedule must be one of cosine, .*got 'step'"),
        ("cosine_warmup", {}, "warmup_steps must be positive for cosine_warmup, got 0"),
        ("cosine", {"decay_steps": []}, "decay_steps must have at least one entry for cosine"),
        ("cosine", {"warmup_steps": -1}, "warmup_steps must be 0 or more, got -1"),
        ("cosine", {"decay_steps": [0]}, "first_period must be at least 1 step, got 0"),
        ("cosine_one", {"warmup_steps": 100}, r"below total_steps \(100\).*got 100"),
        ("cosine_one", {"total_steps": 0}, "total_steps must be positive and finite, got 0"),
        ("custom_step", {"warmup_steps": 3}, "warmup_steps must be 0 for custom_step.*got 3"),
        ("exponential", {"warmup_steps": 3}, "warmup_steps must be 0 for exponential.*got 3"),
        ("constant", {"warmup_steps": 3}, "warmup_steps must be 0 for constant.*got 3"),
        ("custom_step", {"decay_steps": [20, 10]}, r"strictly increasing.*got \[20, 10\]"),
        ("custom_step", {"decay_rate": 10.0}, r"rate must be in \(0, 1\], got 10.0"),
    ],
)
def test_from_name_errors(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_name(name, **changes)


@pytest.mark.parametrize("learning_rate", [0.0, -0.1, math.nan, math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda lr: schedules.cosine_restarts(learning_rate=lr, first_period=5),
        lambda lr: schedules.cosine_one(learning_rate=lr, total_steps=5),
        lambda lr: schedules.exponential(learning_rate=lr, decay_steps=5),
        lambda lr: schedules.linear(learning_rate=lr, total_steps=5),
        lambda lr: schedules.milestones(learning_rate=lr, steps=[5], rate=0.1),
        lambda lr: schedules.warmup(lambda step: 1.0, warmup_steps=5, learning_rate=lr),
    ],
)
def test_learning_rate_must_be_positive(
    make: Callable[[float], schedules.Schedule], learning_rate: float
) -> None:
    with pytest.raises(ValueError, match=f"learning_rate must be positive.*got {learning_rate}"):
        make(learning_rate)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: schedules.cosine_restarts(learning_rate=1.0, first_period=5, t_mul=0.9),
            "t_mul must be at least 1, got 0.9",
        ),
        (
            lambda: schedules.cosine_restarts(learning_rate=1.0, first_period=5, m_mul=0.0),
            r"m_mul must be in \(0, 1\], got 0.0",
        ),
        (lambda: schedules.restart_steps(0.5, 1.5, 9), "first_period must be at least 1 step"),
        (lambda: schedules.restart_steps(5, 1.5, 0), "total_steps must be positive"),
        (
            lambda: schedules.exponential(learning_rate=1.0, decay_steps=0),
            "decay_steps must be positive and finite, got 0",
        ),
        (
            lambda: schedules.piecewise(boundaries=[3, 3], values=[1.0, 0.5, 0.1]),
            r"boundaries must be strictly increasing and at least 0, got \[3, 3\]",
        ),
        (
            lambda: schedules.piecewise(boundaries=[3], values=[1.0]),
            r"values must have one entry more than boundaries \(2\), got 1",
        ),
        (
            lambda: schedules.piecewise(boundaries=[3], values=[1.0, 0.0]),
            "every entry of values must be positive and finite, got 0.0",
        ),
        (
            lambda: schedules.milestones(learning_rate=1.0, steps=[0], rate=0.1),
            r"steps must be strictly increasing and at least 1, got \[0\]",
        ),
        (
            lambda: schedules.milestones(learning_rate=1.0, steps=[5], rate=0.1, first_iteration=2),
            "first_iteration must be 0 or 1, got 2",
        ),
        (
            lambda: schedules.warmup_factor(lambda step: 1.0, warmup_steps=5, start=1.5),
            r"start must be in \[0, 1\], got 1.5",
        ),
        (
            lambda: schedules.by_epoch(lambda step: 1.0, steps_per_epoch=0),
            "steps_per_epoch must be positive and finite, got 0",
        ),
    ],
)
def test_errors(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
