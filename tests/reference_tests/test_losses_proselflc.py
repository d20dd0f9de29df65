"""Target-correcting losses and derivative manipulation against reference/losses_proselflc.npz."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses

VALUE = {"rtol": 1e-5, "atol": 1e-6}
WEIGHT = {"rtol": 1e-4, "atol": 1e-7}
#: Our trust mode → its name in the reference.
MODES = {"entropy": "entropy", "max_p": "maxp", "global": "global"}


@pytest.fixture(scope="module")
def data(reference):
    return dict(reference("losses_proselflc"))


def mean_and_gradient(data, loss):
    """The mean of a loss of (labels, logits) over the batch, and its gradient in the logits."""
    logits, labels = tf.constant(data["logits"]), tf.constant(data["labels"])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = loss(labels, logits)
        assert values.shape == labels.shape
        mean = tf.reduce_mean(values)
    return mean.numpy(), tape.gradient(mean, logits).numpy()


def check(data, key, row, loss):
    """Value and gradient of `key` at one place of its leading axis."""
    mean, gradient = mean_and_gradient(data, loss)
    np.testing.assert_allclose(mean, data[f"{key}_loss"][row], **VALUE)
    np.testing.assert_allclose(gradient, data[f"{key}_grad"][row], **VALUE)


def grid(data, *axes):
    """(row, values) over the product of named axes, the last one fastest."""
    return enumerate(itertools.product(*(data[axis] for axis in axes)))


def test_cross_entropy_and_label_smoothing(data):
    for key, rows in (("exact_ce", [0.0]), ("exact_ls", data["eps_list"])):
        for row, epsilon in enumerate(rows):
            target = losses.label_smoothing(tf.constant(data["labels"]), 7, float(epsilon))
            np.testing.assert_allclose(target, data[f"{key}_target"][row], **VALUE)
            check(data, key, row, lambda _, z, q=target: losses.cross_entropy(q, z))


@pytest.mark.parametrize(
    ("key", "detached"),
    [("exact_{}_attached", False), ("exact_{}_detached_xent", True)],
)
@pytest.mark.parametrize(
    ("name", "loss"), [("cp", losses.confidence_penalty), ("lc", losses.soft_bootstrapping)]
)
def test_confidence_penalty_and_soft_bootstrapping(data, name, loss, key, detached):
    for row, epsilon in enumerate(data["eps_list"]):
        check(
            data,
            key.format(name),
            row,
            lambda y, z, e=float(epsilon): loss(y, z, e, detach_target=detached),
        )


@pytest.mark.parametrize(
    ("name", "loss"), [("cp", losses.confidence_penalty), ("lc", losses.soft_bootstrapping)]
)
def test_sharpened_targets_give_the_gradient_of_the_release(data, name, loss):
    # Its values hold the entropy of the target, and are not a number for the penalty.
    for row, (epsilon, temperature) in grid(data, "eps_list", "T_list"):
        _, gradient = mean_and_gradient(
            data,
            lambda y, z, e=float(epsilon), t=float(temperature): loss(
                y, z, e, temperature=t, detach_target=True
            ),
        )
        np.testing.assert_allclose(gradient, data[f"v2_{name}_T_grad"][row], **VALUE)


def test_hard_bootstrapping(data):
    for row, epsilon in enumerate(data["eps_list"]):
        check(
            data,
            "exact_boot_hard_xent",
            row,
            lambda y, z, e=float(epsilon): losses.hard_bootstrapping(y, z, e),
        )


def test_global_trust(data):
    for i, (exp_base, ratio) in enumerate(data["proselflc_cfg_B_rho"]):
        for j, (time, total) in enumerate(data["time_total"]):
            found = losses.global_trust(
                int(time), int(total), exp_base=exp_base, transit_time_ratio=ratio
            )
            np.testing.assert_allclose(found, data["global_trust"][i, j], atol=1e-6)


def test_local_trust(data):
    probabilities = tf.nn.softmax(data["logits"])
    for mode, key in (("entropy", "local_trust_entropy"), ("max_p", "local_trust_maxp")):
        np.testing.assert_allclose(losses.local_trust(probabilities, mode), data[key], **VALUE)
    np.testing.assert_array_equal(losses.local_trust(probabilities, "global"), np.ones(12))


def proselflc_arguments(configuration, time_total):
    (exp_base, ratio), (time, total) = configuration, time_total
    return {
        "time": int(time),
        "total": int(total),
        "exp_base": float(exp_base),
        "transit_time_ratio": float(ratio),
    }


@pytest.mark.parametrize("mode", MODES)
def test_proselflc_with_a_constant_target(data, mode):
    axes = ("proselflc_cfg_B_rho", "T_list", "time_total")
    key = f"proselflc_{MODES[mode]}_detached"
    for row, (configuration, temperature, time_total) in grid(data, *axes):
        arguments = proselflc_arguments(configuration, time_total)
        arguments |= {"temperature": float(temperature), "trust_mode": mode}
        found = losses.corrected_labels(tf.constant(data["labels"]), data["logits"], **arguments)
        np.testing.assert_allclose(found.target, data[f"v2_{key}_target"][row], **VALUE)
        np.testing.assert_allclose(found.trust, data[f"v2_{key}_eps"][row], **VALUE)
        check(data, f"exact_{key}_xent", row, lambda y, z, a=arguments: losses.proselflc(y, z, **a))
        relative, gradient = mean_and_gradient(
            data,
            lambda y, z, a=arguments: losses.proselflc(y, z, loss_mode="relative_entropy", **a),
        )
        np.testing.assert_allclose(relative, data[f"exact_{key}_kl_loss"][row], **VALUE)
        np.testing.assert_allclose(gradient, data[f"exact_{key}_xent_grad"][row], **VALUE)


@pytest.mark.parametrize(
    ("key", "mode", "loss_mode"),
    [
        ("proselflc_attached_xent", "entropy", "cross_entropy"),
        *((f"proselflc_{MODES[mode]}_attached_kl", mode, "relative_entropy") for mode in MODES),
    ],
)
def test_proselflc_with_a_gradient_through_the_target(data, key, mode, loss_mode):
    for row, setting in grid(data, "proselflc_cfg_B_rho", "time_total"):
        arguments = proselflc_arguments(*setting)
        arguments |= {"temperature": 1.0, "trust_mode": mode, "loss_mode": loss_mode}
        check(
            data,
            f"exact_{key}",
            row,
            lambda y, z, a=arguments: losses.proselflc(y, z, detach_target=False, **a),
        )


def test_time_is_counted_in_updates_when_gradients_accumulate(data):
    proselflc = losses.REGISTRY.get("proselflc")
    exp_base, ratio = data["proselflc_cfg_B_rho"][0]
    options = proselflc.Options(
        proselflc_exp_base=float(exp_base), proselflc_transit_time_ratio=float(ratio)
    )
    course = losses.Course((1,) * 7, 0.0, 10, total_steps=100, accumulation_steps=10)
    for time, expected in zip(data["accum_times"], data["accum10_global_trust"], strict=True):
        batch = losses.LossInput(
            tf.constant(data["labels"]), tf.constant(data["logits"]), tf.constant(time - 1), course
        )
        found = proselflc.compute(batch, options).monitors["global_trust"]
        np.testing.assert_allclose(found, np.full(12, expected), atol=1e-6)


def test_derivative_manipulation(data):
    for row, (beta, lambda_) in enumerate(data["dm_cfg_beta_lambda"]):
        labels, logits = tf.constant(data["labels"]), tf.constant(data["logits"])
        exponent = losses.emphasis(labels, logits, float(lambda_), float(beta))
        np.testing.assert_allclose(np.exp(exponent), data["exact_dm_weight"][row], **WEIGHT)
        _, gradient = mean_and_gradient(
            data, lambda y, z, s=(float(lambda_), float(beta)): losses.dm(y, z, *s)
        )
        np.testing.assert_allclose(gradient, data["exact_dm_grad"][row], **WEIGHT)
        np.testing.assert_allclose(np.abs(gradient).sum(), 1, rtol=1e-5)


def test_imae(data):
    for row, temperature in enumerate(data["imae_T_list"]):
        _, gradient = mean_and_gradient(
            data, lambda y, z, t=float(temperature): losses.imae(y, z, t)
        )
        # The release adds 1e-8 here and there.
        np.testing.assert_allclose(gradient, data["v2_imae_grad"][row], **WEIGHT)


def test_losses_of_the_label_probability(data):
    cases = [("v2_dm_mae", 0, losses.mae), ("v2_dm_mse", 0, losses.mse)]
    cases += [
        ("v2_dm_gce", row, lambda y, z, q=float(q): losses.gce(y, z, q))
        for row, q in enumerate(data["gce_q_list"])
    ]
    cases += [
        (
            "exact_sce_true",
            row,
            lambda y, z, f=float(mu), r=-float(av): losses.symmetric_cross_entropy(y, z, f, r),
        )
        for row, (mu, av) in enumerate(data["sce_mu_Av_list"])
    ]
    for key, row, loss in cases:
        _, gradient = mean_and_gradient(data, loss)
        np.testing.assert_allclose(gradient, data[f"{key}_grad"][row], rtol=1e-5, atol=1e-7)


def test_symmetric_cross_entropy_is_not_what_the_release_derives(data):
    (mu, av), released = data["sce_mu_Av_list"][0], data["v2_dm_sce_legacy_grad"][0]
    _, gradient = mean_and_gradient(
        data, lambda y, z: losses.symmetric_cross_entropy(y, z, float(mu), -float(av))
    )
    assert np.abs(gradient - released).max() > 1e-3


def test_what_the_release_logs_for_derivative_manipulation(data):
    course = losses.Course((1,) * 7, 0.0, 1, 1, 1)
    batch = losses.LossInput(
        tf.constant(data["labels"]), tf.constant(data["logits"]), tf.constant(0), course
    )
    entry = losses.REGISTRY.get("dm")
    monitor = entry.compute(batch, entry.Options()).monitors["train_absolute_error"]
    np.testing.assert_allclose(np.mean(monitor), data["v2_dm_loss"][0], rtol=1e-5)
