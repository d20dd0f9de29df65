"""Schedules and weight average against the recorded values of the published code.

The file also holds schedules of LDAM and ProSelfLC that `lr_schedule` does not offer.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ieg.training import schedules
from ieg.training.averaging import ema_decay, ema_update
from ieg.training.settings import TrainingSettings

REFERENCE_DIR = Path(os.environ.get("IEG_REFERENCE_DIR", Path(__file__).parents[1] / "reference"))

# Float32 references carry the rounding of the position in the cycle and of 1 + cos. It scales with
# the peak: near the end of a cosine the rate itself is far smaller and no relative bound holds.
FLOAT32_ROUNDING = 1e-6

Reference = Mapping[str, Any]


@pytest.fixture(scope="module")
def reference() -> Reference:
    with np.load(REFERENCE_DIR / "schedules.npz") as arrays:
        return {key: value.item() if value.ndim == 0 else value for key, value in arrays.items()}


def evaluate(schedule: schedules.Schedule, steps: Any) -> Any:
    return np.array([schedule(int(step)) for step in steps])


def test_restarts(reference: Reference) -> None:
    configs = reference["restarts_cfg_lr_first_tmul_mmul"]
    assert len(configs) > 0
    for i, (learning_rate, first_period, t_mul, m_mul) in enumerate(configs.tolist()):
        schedule = schedules.cosine_restarts(
            learning_rate=learning_rate, first_period=first_period, t_mul=t_mul, m_mul=m_mul
        )
        actual = evaluate(schedule, reference[f"restarts_steps_{i}"])
        np.testing.assert_allclose(actual, reference[f"restarts_lr_float64_{i}"], rtol=1e-6)
        np.testing.assert_allclose(
            actual,
            reference[f"restarts_lr_{i}"],
            rtol=1e-5,
            atol=FLOAT32_ROUNDING * learning_rate,
        )


def test_cosine_one(reference: Reference) -> None:
    learning_rate = reference["cosine_one_lr0"]
    schedule = schedules.cosine_one(
        learning_rate=learning_rate, total_steps=reference["cosine_one_total"]
    )
    np.testing.assert_allclose(
        evaluate(schedule, reference["cosine_one_steps"]),
        reference["cosine_one_lr"],
        rtol=1e-6,
        atol=FLOAT32_ROUNDING * learning_rate,
    )


def test_exponential(reference: Reference) -> None:
    schedule = schedules.exponential(
        learning_rate=reference["exponential_lr0"],
        decay_steps=reference["exponential_decay_steps"],
        rate=reference["exponential_rate"],
    )
    actual = evaluate(schedule, reference["exponential_steps"])
    np.testing.assert_allclose(actual, reference["exponential_lr"], rtol=1e-6)


def test_custom_step(reference: Reference) -> None:
    expected = reference["custom_step_lr_by_iteration_from_1"]
    schedule = schedules.from_settings(
        TrainingSettings(
            lr_schedule="custom_step",
            learning_rate=reference["custom_step_lr0"],
            decay_steps=",".join(map(str, reference["custom_step_milestones"])),
            decay_rate=reference["custom_step_rate"],
        ),
        steps_per_epoch=1,
        total_steps=len(expected),
    )
    # Entry k belongs to iteration k + 1, which is step k.
    np.testing.assert_allclose(evaluate(schedule, range(len(expected))), expected, rtol=1e-6)


def test_cosine_warmup(reference: Reference) -> None:
    learning_rate, steps = reference["cosine_warmup_lr0"], reference["cosine_warmup_steps"]
    steps_per_epoch = int(reference["cosine_warmup_iters_per_epoch"])
    schedule = schedules.from_settings(
        TrainingSettings(
            lr_schedule="cosine_warmup",
            learning_rate=learning_rate,
            decay_steps=str(reference["cosine_warmup_first"]),
            cos_t_mul=reference["cosine_warmup_tmul"],
            cos_m_mul=reference["cosine_warmup_mmul"],
            warmup_epochs=reference["cosine_warmup_epochs"],
        ),
        steps_per_epoch=steps_per_epoch,
        total_steps=int(steps.max()) + 1,
    )
    np.testing.assert_allclose(
        evaluate(schedule, steps),
        reference["cosine_warmup_lr"],
        rtol=1e-5,
        atol=FLOAT32_ROUNDING * learning_rate,
    )


def test_dynamic(reference: Reference) -> None:
    steps_per_epoch = reference["dynamic_iters_per_epoch"]
    schedule = schedules.cosine_epoch(
        learning_rate=reference["dynamic_base_lr"],
        total_steps=reference["dynamic_epochs"] * steps_per_epoch,
        steps_per_epoch=steps_per_epoch,
        warmup_steps=reference["dynamic_warmup_epochs"] * steps_per_epoch,
    )
    expected = reference["dynamic_lr_by_iteration"]
    assert len(expected) == reference["dynamic_epochs"] * steps_per_epoch
    np.testing.assert_allclose(evaluate(schedule, range(len(expected))), expected, rtol=1e-6)


def test_ema(reference: Reference) -> None:
    average = np.float32(reference["ema_start"])
    steps, values = reference["ema_global_step"], reference["ema_values"]
    for step, value, expected in zip(steps, values, reference["ema_average_after"], strict=True):
        decay = ema_decay(int(step), reference["ema_decay"])
        average = ema_update(average, value, decay.numpy())
        np.testing.assert_allclose(average, expected, rtol=1e-6)
