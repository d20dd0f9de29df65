import numpy as np
import tensorflow as tf

from ieg.features.standardization import Standardization


def test_rows_of_training_have_mean_zero_and_deviation_one() -> None:
    rng = np.random.default_rng(0)
    features = (rng.gamma(1, size=[9000, 3]) * [1, 50, -1]).astype(np.float16)
    features[:, 2] = 7  # constant
    rows = np.arange(1, 9000, 2)
    seen = np.array(Standardization.of(features, rows)(features[rows].astype(np.float32)))
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(seen.std(axis=0), [1, 1, 0], atol=1e-4)


def test_a_feature_of_zero_has_a_gradient() -> None:
    standardize = Standardization(np.zeros(2, np.float32), np.full(2, 2, np.float32))
    x = tf.constant([[0.0, -0.03]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = standardize(x)
    # d/dx x (|x| + ε)^-½ = (|x| + ε)^-½ - ½ |x| (|x| + ε)^-1½
    np.testing.assert_allclose(tape.gradient(y, x), [[5, 2.5 - 0.5 * 0.03 * 62.5]], rtol=1e-5)
    np.testing.assert_allclose(y, [[0, -0.03 / 0.2 / 2]], rtol=1e-6)
