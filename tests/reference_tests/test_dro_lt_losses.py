"""The long-tail base losses against reference/dro_lt.npz."""

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses

SCALE = 30.0
LATE = 2  # of the epochs in the file, the first after 160


@pytest.fixture(scope="module")
def data(reference):
    return dict(reference("dro_lt"))


def check(data, key, logits, loss, factor=1.0):
    """Mean and gradient; the logits are `factor` times those that the file differentiates by."""
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        mean = tf.reduce_mean(loss(tf.constant(data["ldam_labels"]), logits))
    np.testing.assert_allclose(mean, data[f"{key}_loss"], rtol=1e-5, atol=1e-6)
    gradient = factor * tape.gradient(mean, logits)
    np.testing.assert_allclose(gradient, data[f"{key}_grad"], rtol=1e-5, atol=1e-6)


def weighted(data, loss, **how):
    weights = data["drw_weights"][LATE]
    return lambda y, z: losses.class_weighted(loss(y, z), y, weights, **how)


def test_class_weights(data):
    np.testing.assert_allclose(
        losses.effective_number_weights(data["ldam_counts"], 0.9999),
        data["drw_weights"][LATE],
        rtol=1e-5,
    )
    assert data["drw_epochs"][LATE] >= 160
    np.testing.assert_array_equal(data["drw_weights"][0], np.ones(10))


def test_ldam(data):
    margins = losses.ldam_margins(data["ldam_counts"])
    np.testing.assert_allclose(margins, data["ldam_margins"], rtol=1e-5)
    logits = SCALE * data["ldam_logits"]

    def ldam(labels, scaled):
        return losses.ldam(labels, scaled, margins)

    check(data, "ldam_none", logits, ldam, SCALE)
    check(data, "ldam_drw", logits, weighted(data, ldam), SCALE)


def test_focal(data):
    logits = 4 * data["ldam_logits"]
    check(data, "focal_none", logits, losses.focal)
    outside = weighted(data, losses.focal, weighted_mean=False)
    check(data, "focal_drw_outside", logits, outside)
