"""Losses for wrong labels and long tails: by hand, their identities, and what may go wrong."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses

P = [[0.7, 0.2, 0.1]]
Z = tf.math.log(tf.constant(P))
Y = tf.constant([1])
Q = np.array([[0.0, 1.0, 0.0]])

COURSE = losses.Course((50, 20, 5), 0.0, steps_per_epoch=4, total_steps=10, accumulation_steps=1)


def gradient(loss, labels=Y, logits=Z):
    """∂ Σ_i L_i / ∂z."""
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(loss(labels, logits))
    return tape.gradient(total, logits).numpy()


def test_a_sure_prediction_changes_the_class_of_a_label():
    logits = tf.math.log(tf.constant([[0.95, 0.01, 0.04]]))
    # With the whole local trust and g = sigmoid(2 B / 2) = 0.8 the target is worked out by hand.
    found = losses.corrected_labels(
        tf.constant([2]), logits, 1, 1, temperature=1.0, exp_base=2 * math.log(4),
        trust_mode="global",
    )  # fmt: skip
    np.testing.assert_allclose(found.trust, [0.8], rtol=1e-6)
    np.testing.assert_allclose(found.target, [[0.76, 0.008, 0.232]], rtol=1e-5)


def test_proselflc_by_hand():
    at = {"time": 75, "total": 100, "exp_base": 12.0, "temperature": 1.0}
    found = losses.corrected_labels(Y, Z, **at)
    np.testing.assert_allclose(found.global_trust, 0.95257, atol=1e-5)
    np.testing.assert_allclose(found.local_trust, [0.27015], atol=1e-5)
    np.testing.assert_allclose(found.trust, [0.25734], atol=1e-5)
    np.testing.assert_allclose(found.target, [[0.18014, 0.79413, 0.02573]], atol=1e-5)
    np.testing.assert_allclose(losses.proselflc(Y, Z, **at), [1.40160], atol=1e-5)
    relative = losses.proselflc(Y, Z, loss_mode="relative_entropy", **at)
    np.testing.assert_allclose(relative, [0.81560], atol=1e-5)


@pytest.mark.parametrize(("mode", "trust"), [("entropy", 0.64491), ("max_p", 0.86437)])
def test_proselflc_with_a_low_temperature_by_hand(mode, trust):
    at = {"time": 75, "total": 100, "temperature": 0.5, "trust_mode": mode}
    found = losses.corrected_labels(Y, Z, **at)
    np.testing.assert_allclose(found.trust, [trust], atol=1e-5)
    if mode == "entropy":
        np.testing.assert_allclose(found.target, [[0.58520, 0.40286, 0.01194]], atol=1e-5)
        expected = [[0.11480, -0.20286, 0.08806]]
        slope = gradient(lambda y, z: losses.proselflc(y, z, **at))
        np.testing.assert_allclose(slope, expected, atol=1e-5)


@pytest.mark.parametrize("loss", [losses.soft_bootstrapping, losses.confidence_penalty])
def test_a_constant_target_at_temperature_one_only_slows_cross_entropy_down(loss):
    slope = gradient(lambda y, z: loss(y, z, 0.25, detach_target=True))
    np.testing.assert_allclose(slope, 0.75 * (np.array(P) - Q), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("loss", "sign"), [(losses.soft_bootstrapping, -1), (losses.confidence_penalty, 1)]
)
def test_the_gradient_through_the_target_adds_that_of_the_entropy(loss, sign):
    p = np.array(P)
    entropy = -np.sum(p * np.log(p))
    expected = 0.75 * (p - Q) + sign * 0.25 * p * (np.log(p) + entropy)
    np.testing.assert_allclose(gradient(lambda y, z: loss(y, z, 0.25)), expected, rtol=1e-5)


def test_relative_entropy_through_the_target_is_collinear_with_cross_entropy():
    slope = gradient(
        lambda y, z: losses.proselflc(
            y, z, 1, 2, temperature=1.0, trust_mode="global", loss_mode="relative_entropy",
            detach_target=False,
        )
    )  # fmt: skip
    e, p_y = 0.5, 0.2  # half of the run has passed
    factor = (1 - e) - e * p_y * math.log(1 + (1 - e) / (e * p_y))
    np.testing.assert_allclose(slope, factor * (np.array(P) - Q), rtol=1e-5, atol=1e-7)


def test_no_gradient_runs_through_the_trust():
    # A trust that followed the logits would add to the gradient p Σ t - t of a constant target.
    at = {"time": 1, "total": 1, "temperature": 1.0, "detach_target": True}
    target = losses.corrected_labels(Y, Z, 1, 1, temperature=1.0).target
    np.testing.assert_allclose(
        gradient(lambda y, z: losses.proselflc(y, z, **at)), np.array(P) - target, atol=1e-6
    )


def test_derivative_manipulation_by_hand():
    logits = tf.math.log(tf.constant([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]]))
    labels = tf.constant([0, 0])
    np.testing.assert_allclose(
        tf.exp(losses.emphasis(labels, logits, 0.5, 12)), [73.204, 20.3275], rtol=1e-4
    )
    np.testing.assert_allclose(
        tf.exp(losses.emphasis(labels, logits, 1, 8)), [3.5966, 5.3656], rtol=1e-4
    )
    slope = gradient(lambda y, z: losses.dm(y, z, 0.5, 12) / 2, labels, logits)
    expected = [[-0.3913, 0.2446, 0.1467], [-0.1087, 0.0724, 0.0362]]
    np.testing.assert_allclose(slope, expected, atol=1e-4)
    np.testing.assert_allclose(np.abs(slope).sum(), 1, rtol=1e-6)


def test_imae_is_derivative_manipulation_with_lambda_one():
    labels, logits = tf.constant([0, 2]), tf.constant([[1.0, 0.5, -1.0], [0.0, 2.0, 0.3]])
    np.testing.assert_array_equal(
        losses.imae(labels, logits, 8), losses.dm(labels, logits, lambda_=1, beta=8)
    )


def test_weights_are_normalised_by_the_mean_that_is_given():
    labels, logits = tf.constant([0, 2]), tf.constant([[1.0, 0.5, -1.0], [0.0, 2.0, 0.3]])
    whole = losses.dm(labels, logits)
    # Each replica holds one row, and the mean over both is handed in.
    peak = losses.emphasis(labels, logits, 0.5, 12) - 12 * 0.5**0.5 / 1.5**1.5
    together = tf.reduce_mean(tf.exp(peak))
    for i in range(2):
        alone = losses.dm(labels[i : i + 1], logits[i : i + 1], mean=lambda _: together)
        np.testing.assert_allclose(alone, whole[i : i + 1], rtol=1e-5)


@pytest.mark.parametrize(
    ("odds", "norm"), [(0.0, 1.0), (-10.0, 1.0), (-math.log(2e8 - 1), 0.5), (-60.0, 0.0)]
)
def test_dm_lets_go_of_a_label_that_is_fitted_perfectly(odds, norm):
    labels, logits = tf.constant([0]), tf.constant([[-odds, 0.0]])
    slope = gradient(lambda y, z: losses.dm(y, z, 1.0, 8.0), labels, logits)
    assert np.abs(slope).sum() == pytest.approx(norm, abs=1e-3)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.mae, 0.8),
        (losses.mse, 0.64),
        (lambda y, z: losses.gce(y, z, 0.5), 2 * (1 - math.sqrt(0.2))),
        (lambda y, z: losses.gce(y, z, 1.0), 0.8),
        (lambda y, z: losses.gce(y, z, 1e-4), -math.log(0.2)),
        (lambda y, z: losses.symmetric_cross_entropy(y, z, 0.1, 4.0), 3.2 - 0.1 * math.log(0.2)),
        (lambda y, z: losses.focal(y, z, 0.0), -math.log(0.2)),
        (lambda y, z: losses.focal(y, z, 2.0), -0.64 * math.log(0.2)),
        (
            lambda y, z: losses.hard_bootstrapping(y, z, 0.2),
            -0.8 * math.log(0.2) - 0.2 * math.log(0.7),
        ),
        (lambda y, z: losses.balanced_softmax(y, z, [10, 10, 10]), -math.log(0.2)),
        (lambda y, z: losses.balanced_softmax(y, z, [10, 5, 0]), math.log(8)),
        (lambda y, z: losses.ldam(y, z, [0.5, 0.0, 0.5]), -math.log(0.2)),
        (lambda y, z: losses.ldam(y, z, [0, 1, 0], scale=math.log(2)), math.log(9)),
    ],
)
def test_values_by_hand(loss, expected):
    np.testing.assert_allclose(loss(Y, Z), [expected], rtol=2e-4)


def test_margins_and_class_weights_by_hand():
    np.testing.assert_allclose(losses.ldam_margins([16, 1, 0], 0.5), [0.25, 0.5, 0])
    np.testing.assert_allclose(losses.effective_number_weights([7, 9], 0.0), [1, 1])
    # 1 - 0.5, 1 - 0.25: the weights are as 1 to 2/3.
    np.testing.assert_allclose(losses.effective_number_weights([1, 2, 0], 0.5), [1.8, 1.2, 0])
    # Next to 1 a class counts as much as another of any size.
    np.testing.assert_allclose(
        losses.effective_number_weights([100, 50], 1 - 1e-9), [2 / 3, 4 / 3], rtol=1e-5
    )


def test_class_weighted_means():
    values, labels = tf.constant([1.0, 2.0, 4.0]), tf.constant([0, 1, 1])
    weights = np.array([3.0, 1.0], np.float32)
    plain = losses.class_weighted(values, labels, weights, weighted_mean=False)
    np.testing.assert_allclose(plain, [3, 2, 4])
    mean = tf.reduce_mean(losses.class_weighted(values, labels, weights))
    np.testing.assert_allclose(mean, (3 + 2 + 4) / (3 + 1 + 1), rtol=1e-6)


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


def test_certain_and_even_predictions_have_the_ends_of_the_local_trust():
    even, sure = tf.fill([1, 4], 0.25), tf.constant([[0.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(losses.local_trust(even), [0], atol=1e-6)
    np.testing.assert_array_equal(losses.local_trust(sure), [1])
    np.testing.assert_allclose(losses.local_trust(even, "max_p"), [0.25])


@pytest.mark.parametrize(
    ("counter", "step", "ratio"),
    [("iteration", 0, 1 / 10), ("iteration", 9, 1), ("epoch", 3, 1 / 3), ("epoch", 9, 1)],
)
def test_time_is_counted_from_one_in_steps_or_epochs(counter, step, ratio):
    entry = losses.REGISTRY.get("proselflc")
    batch = losses.LossInput(Y, Z, tf.constant(step, tf.int64), COURSE)
    found = entry.compute(batch, entry.Options(proselflc_counter=counter, proselflc_exp_base=8.0))
    expected = 1 / (1 + math.exp(-8 * (ratio - 0.5)))
    np.testing.assert_allclose(found.monitors["global_trust"], [expected], rtol=1e-5)


def test_monitors_of_proselflc_agree():
    entry = losses.REGISTRY.get("proselflc")
    batch = losses.LossInput(Y, Z, tf.constant(7, tf.int64), COURSE)
    found = entry.compute(batch, entry.Options(proselflc_temperature=1.0)).monitors
    assert found.keys() == {
        "trust", "global_trust", "local_trust", "train_entropy", "train_max_p"
    }  # fmt: skip
    np.testing.assert_allclose(found["trust"], found["global_trust"] * found["local_trust"])
    np.testing.assert_allclose(found["train_entropy"], [0.80182 / math.log(3)], rtol=1e-4)
    np.testing.assert_allclose(found["train_max_p"], [0.7], rtol=1e-6)


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
def test_what_is_out_of_range_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
