"""Losses of the ranks; ranks are held to the reference elsewhere."""

import numpy as np

from ieg.methods.dynamic import ranks


def test_cross_entropies_by_hand():
    logits = np.array([[0, np.log(3)], [500, 0]], np.float32)
    losses = ranks.cross_entropies(logits, np.array([1, 1]))
    np.testing.assert_allclose(losses, [np.log(4 / 3), 500], rtol=1e-6)
