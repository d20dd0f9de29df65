"""Check of forward-mode derivatives: they must be the transpose of reverse mode.

Some operations have no forward mode, and a few have a wrong one without an error (max pooling with
overlapping 'same' windows, collectives of synchronized batch norm). Training relies on reverse mode
anyway, so reverse mode is the measure.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

#: Above the rounding of deep networks in float32, far below any wrong derivative.
TOLERANCE = 1e-3


def transposition_error(
    predict: Callable[[list[tf.Tensor]], tf.Tensor],
    params: Sequence[tf.Tensor],
    seed: int = 0,
) -> float:
    """Relative difference of forward and reverse mode in a random direction.

    |⟨u, J v⟩ - ⟨Jᵀ u, v⟩| / (‖u‖ ‖J v‖)

    Both products come from one and the same pass, so that no kink lies between them.

    Args:
      predict: parameters → outputs [B, K], as training computes them.
      params: θ, float tensors or variables.
      seed: seed of u and v; v_j is normal with a standard deviation like that of θ_j.
    Returns:
      0 up to rounding if forward mode is right, or if J v is 0; inf if there is no forward mode.

    >>> error = transposition_error(lambda params: 2 * params[0], [tf.ones([3, 2])])
    >>> error < TOLERANCE
    True
    """

    @tf.function(autograph=False)  # as training traces it
    def products() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        theta = [tf.convert_to_tensor(p) for p in params]
        v = [_normal(p, seed + 1 + j) * (0.1 + tf.math.reduce_std(p)) for j, p in enumerate(theta)]
        with tf.GradientTape() as tape:
            tape.watch(theta)
            with tf.autodiff.ForwardAccumulator(theta, v) as accumulator:
                outputs = predict(theta)
        tangent = accumulator.jvp(outputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        u = _normal(outputs, seed)
        gradients = tape.gradient(outputs, theta, u, tf.UnconnectedGradients.ZERO)
        # Long sums of products in single precision would be the largest error.
        terms = [
            tf.reduce_sum(tf.cast(g, tf.float64) * tf.cast(d, tf.float64))
            for g, d in zip(map(tf.convert_to_tensor, gradients), v, strict=True)
        ]
        size = tf.norm(u) * tf.norm(tangent)
        return tf.reduce_sum(u * tangent), tf.add_n(terms), size

    try:
        forward, reverse, size = (float(x) for x in products())
    except Exception:  # TensorFlow raises many kinds for a missing forward mode
        return float("inf")
    if forward == reverse == 0.0:
        return 0.0
    return abs(forward - reverse) / size if size > 0 else float("inf")


def _normal(like: tf.Tensor, seed: int) -> tf.Tensor:
    return tf.random.stateless_normal(tf.shape(like), [seed, 0], dtype=like.dtype)
