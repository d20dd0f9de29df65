"""All registered losses: finite values, limits, requirements and errors."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses

Y, Z = tf.constant([1]), tf.math.log(tf.constant([[0.7, 0.2, 0.1]]))
COURSE = losses.Course((50, 20, 5), 0.0, steps_per_epoch=4, total_steps=10, accumulation_steps=1)
CROSS_ENTROPY = -math.log(0.2)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda y, z: losses.gce(y, z, 1.0), 0.8),  # mean absolute error
        (lambda y, z: losses.gce(y, z, 1e-4), CROSS_ENTROPY),
        (lambda y, z: losses.focal(y, z, 0.0), CROSS_ENTROPY),
        (lambda y, z: losses.balanced_softmax(y, z, [10, 10, 10]), CROSS_ENTROPY),
        (lambda y, z: losses.ldam(y, z, [0.5, 0.0, 0.5]), CROSS_ENTROPY),
    ],
)
def test_limits(loss, expected):
    np.testing.assert_allclose(loss(Y, Z), [expected], rtol=2e-4)


@pytest.mark.parametrize("name", losses.REGISTRY.names())
def test_label_smoothing_is_applied_or_refused(name):
    entry = losses.REGISTRY.get(name)
    plain, smoothed = (
        entry.compute(losses.LossInput(Y, Z, tf.constant(0), course), entry.Options()).values
        for course in (COURSE, COURSE._replace(label_smoothing=0.5))
    )
    refused = entry.requires.get("label_smoothing") == 0.0
    assert refused == (float(plain[0]) == float(smoothed[0]))


EXTREME = tf.constant([[1000.0, 0, 0], [0, 0, 0], [-1000, 1000, 0], [1e30, -1e30, 0]])


@pytest.mark.parametrize("name", losses.REGISTRY.names())
@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [1, 2, 1, 1], [2, 1, 2, 2]])
@pytest.mark.parametrize("step", [0, 9])
def test_extreme_logits_leave_values_and_gradients_finite(name, labels, step):
    entry = losses.REGISTRY.get(name)
    variants = [{}]
    if "detach_target" in entry.Options.__dataclass_fields__:
        variants = [{"detach_target": False}, {"detach_target": True}]
    if name == "proselflc":
        variants = [
            {**variant, "proselflc_loss_mode": mode, "proselflc_temperature": temperature}
            for variant in variants
            for mode in ("cross_entropy", "relative_entropy")
            for temperature in (0.05, 1.0)
        ]
    if name == "dm":
        variants = [{"dm_lambda": 0.0, "dm_beta": b} for b in (-500.0, 0.0, 500.0)]
        variants.append({"dm_lambda": 150.0})
    if name == "focal":
        variants = [{"focal_gamma": g} for g in (0.0, 0.5, 3.0)]
    for variant in variants:
        logits = EXTREME
        with tf.GradientTape() as tape:
            tape.watch(logits)
            batch = losses.LossInput(tf.constant(labels), logits, tf.constant(step), COURSE)
            found = entry.compute(batch, entry.Options(**variant))
            total = tf.reduce_sum(found.values)
        assert found.values.shape == (4,)
        assert all(np.isfinite(x).all() for x in (found.values, *found.monitors.values()))
        assert np.isfinite(tape.gradient(total, logits)).all(), variant


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.proselflc(Y, Z, 1, 2, temperature=0), "temperature must be above 0, got 0"),
        (lambda: losses.soft_bootstrapping(Y, Z, 0.5, temperature=-1), "above 0, got -1"),
        (lambda: losses.soft_bootstrapping(Y, Z, 1.1), r"epsilon must be in \[0, 1\], got 1.1"),
        (lambda: losses.confidence_penalty(Y, Z, -0.1), r"in \[0, 1\], got -0.1"),
        (lambda: losses.hard_bootstrapping(Y, Z, float("nan")), r"in \[0, 1\], got nan"),
        (lambda: losses.proselflc(Y, Z, 3, 2), r"time must be in \[0, 2\], got 3"),
        (lambda: losses.global_trust(-1, 2), r"time must be in \[0, 2\], got -1"),
        (lambda: losses.global_trust(0, 0), "total above 0, got 12.0 and 0"),
        (lambda: losses.global_trust(0, 1, exp_base=-1), "exp_base must be at least 0"),
        (lambda: losses.proselflc(Y, Z, 1, 2, trust_mode="maxp"), "one of entropy, max_p, global"),
        (lambda: losses.proselflc(Y, Z, 1, 2, loss_mode="kl"), "one of cross_entropy, relative"),
        (lambda: losses.dm(Y, Z, -1.0), "lambda must be at least 0, got -1"),
        (lambda: losses.gce(Y, Z, 0.0), r"q must be in \(0, 1\], got 0"),
        (lambda: losses.focal(Y, Z, -1.0), "gamma must be at least 0"),
        (lambda: losses.ldam_margins([0, 0]), "at least one class must have examples"),
        (lambda: losses.balanced_softmax(Y, Z, [0, 0, 0]), "at least one class"),
        (lambda: losses.effective_number_weights([1], 1.0), r"beta must be in \[0, 1\), got 1"),
        (lambda: losses.effective_number_weights([0, 0]), "at least one class"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
