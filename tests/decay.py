"""Weight decay as the loss that it is the gradient of, for tests of whole losses."""

from collections.abc import Sequence

import tensorflow as tf


def decay_loss(params: Sequence[tf.Tensor], decay: Sequence[float]) -> tf.Tensor:
    """Σ_j decay_j ½‖θ_j‖², a scalar."""
    return tf.add_n([c * tf.nn.l2_loss(p) for p, c in zip(params, decay, strict=True)])
