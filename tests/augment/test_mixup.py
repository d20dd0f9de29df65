"""Draws of MixUp; mixtures are held to the reference elsewhere."""

import pytest
import tensorflow as tf

from ieg.augment import mixup


def test_mixup_coefficients_and_partners():
    coefficients, partners = mixup.draw(tf.constant([1, 2]), 1000)
    assert sorted(partners.numpy()) == list(range(1000))
    assert coefficients.numpy().min() >= 0.5
    # max(u²/2, 1 - u²/2) = 1 - u²/2, of mean 5/6 for β = 1/2.
    assert float(tf.reduce_mean(coefficients)) == pytest.approx(5 / 6, abs=0.02)
