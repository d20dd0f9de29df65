"""Batch normalization of images by one kernel each way, and the same kernel for forward mode.

Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
Covariate Shift", ICML 2015, arXiv 1502.03167.

For each channel, with means ⟨·⟩ over the n pixels of the batch, r = 1 / sqrt(var(x) + ε) and
x̂ = r (x - ⟨x⟩),

    y = γ x̂ + β,    dy = γ P dx + x̂ dγ + dβ,    P u = r (u - ⟨u⟩ - x̂ ⟨u x̂⟩)

P is symmetric, so the kernel that computes γ P u, Σ u x̂ and Σ u for reverse mode computes γ P u for
forward mode as well. TensorFlow's own derivative of that kernel takes it apart into a dozen passes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ieg.networks.own_layers.base import OwnLayer

_TYPES = ("float32", "float16", "bfloat16")
_PIXELS = (0, 1, 2)

#: Three tensors: in x, γ and β, or in dy, x and γ.
_Three = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


@keras.saving.register_keras_serializable("ieg")  # to be copied within a network of one's own
class FusedBatchNormalization(keras.layers.BatchNormalization, OwnLayer):
    """Batch normalization as Keras computes it, in fewer passes over memory.

    Keras writes moments and normalization as a dozen operations, which with their derivatives take
    a fifth to a third of a step of small networks on a CPU. Other shapes than [B, H, W, C],
    inference mode, moments of all replicas, and other arguments of the layer than `momentum` and
    `epsilon` are left to Keras.
    """

    def call(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        """[B, H, W, C] → [B, H, W, C]; in training mode the moving statistics are updated."""
        is_image = len(x.shape) == 4 and mask is None and self.compute_dtype in _TYPES
        is_plain = self.axis in (-1, 3) and self.scale and self.center and not self.renorm
        is_usual = is_plain and self.variable_dtype == "float32" and not self.synchronized
        if not (training and self.trainable and is_image and is_usual):
            return super().call(x, training=training, mask=mask)
        gamma, beta = map(tf.convert_to_tensor, (self.gamma, self.beta))
        y, mean, variance = normalize(x, gamma, beta, self.epsilon)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return y

    def standard(self) -> keras.layers.Layer:
        """Keras' layer, in float32."""
        config = super().get_config()
        return keras.layers.BatchNormalization.from_config({**config, "dtype": "float32"})

    def standard_weights(self) -> list[np.ndarray]:
        """γ, β, moving mean and variance."""
        weights: list[np.ndarray] = self.get_weights()
        return weights


# As a function of its own: forward mode follows custom gradients of functions alone.
@tf.function(autograph=False)
def normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> _Three:
    """Normalize the channels of a batch; formulas at the top of this module.

    Args:
      x: [B, H, W, C] float32, float16 or bfloat16.
      gamma, beta: γ and β [C] float32.
      epsilon: ε > 0.
    Returns:
      y, of the shape and type of x; mean and variance [C] float32, constants to all derivatives.
      Derivatives of y are right in reverse mode, in forward mode, and in reverse mode of reverse
      mode, as nested tapes take them; other second ones and third ones are not.

    >>> x = tf.reshape([1.0, 3.0], [2, 1, 1, 1])
    >>> y, mean, variance = normalize(x, tf.ones(1), tf.zeros(1), 1e-5)
    >>> print(tf.squeeze(y).numpy().round(3), mean.numpy(), variance.numpy())
    [-1.  1.] [2.] [1.]
    """
    # Constants, or the kernels' own derivatives would be recorded beside those below.
    x0, gamma0, beta0 = map(tf.stop_gradient, (x, gamma, beta))
    none = tf.zeros([0])  # moving statistics, which the kernel takes in inference mode
    y0, mean, variance, *kept = tf.raw_ops.FusedBatchNormV3(
        x=x0, scale=gamma0, offset=beta0, mean=none, variance=none, epsilon=epsilon
    )
    count = tf.cast(tf.size(x0) // tf.size(gamma0), tf.float32)
    variance *= (count - 1) / count  # the kernel divides by n - 1
    constants = (x0, gamma0, mean, variance, count, *kept[:3])

    @tf.custom_gradient
    def through(
        x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], _Three]]:
        return y0, lambda u: _gradients(u, x, gamma, constants, epsilon)

    return through(x, gamma, beta), tf.stop_gradient(mean), tf.stop_gradient(variance)


def _gradients(
    u: tf.Tensor, x: tf.Tensor, gamma: tf.Tensor, constants: Sequence[tf.Tensor], epsilon: float
) -> _Three:
    """γ P u, Σ u x̂ and Σ u, with their own derivatives in u, x and γ."""

    @tf.custom_gradient
    def found(u: tf.Tensor, x: tf.Tensor, gamma: tf.Tensor) -> tuple[_Three, Callable[..., _Three]]:
        # Gradients are built in a graph of their own. Gradients of those cannot see tensors of the
        # graph before it, so all that they need has a copy here.
        u0, x0, gamma0, mean, variance, count, *kept = map(tf.stop_gradient, (u, *constants))
        spaces = {f"reserve_space_{i}": space for i, space in enumerate(kept, 1)}

        def reverse(u: tf.Tensor, scale: tf.Tensor) -> _Three:
            """scale · P u, Σ u x̂ and Σ u."""
            three: _Three = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=u, x=x0, scale=scale, epsilon=epsilon, **spaces
            )[:3]
            return three

        def normal(scale: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
            """scale · x̂ + offset."""
            return tf.raw_ops.FusedBatchNormV3(
                x=x0,
                scale=scale,
                offset=offset,
                mean=mean,
                variance=variance,
                epsilon=epsilon,
                is_training=False,
            ).y

        def again(c: tf.Tensor, c_gamma: tf.Tensor, c_beta: tf.Tensor) -> _Three:
            """Gradients of ⟨c, γ P u⟩ + c_gamma Σ u x̂ + c_beta Σ u in u, x and γ."""
            in_u = reverse(c, gamma0)[0] + normal(c_gamma, c_beta)
            one, zero = tf.ones_like(gamma0), tf.zeros_like(gamma0)
            pc, c_normal, _ = reverse(c, one)
            pu, u_normal, _ = reverse(u0, one)
            wide_c, pc, pu = (tf.cast(t, tf.float32) for t in (c, pc, pu))
            in_gamma = tf.reduce_sum(wide_c * pu, _PIXELS)
            turned = tf.cast(normal(in_gamma, zero), tf.float32) + u_normal * pc + c_normal * pu
            in_x = c_gamma * pu - gamma0 * tf.math.rsqrt(variance + epsilon) / count * turned
            return in_u, tf.cast(in_x, x.dtype), in_gamma

        return reverse(u0, gamma0), again

    three: _Three = found(u, x, gamma)
    return three
