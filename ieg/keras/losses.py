"""Robust losses as `keras.losses.Loss`, for `model.compile`: the functions of `ieg.losses`.

Each takes class numbers [B] or [B, 1] and logits [B, K], without a softmax, as
`SparseCategoricalCrossentropy(from_logits=True)` does. Besides its own arguments each takes those
of `keras.losses.Loss`: `reduction`, `name` and `dtype`. Models compiled with them are saved and
loaded as usual; to load one, import `ieg.keras` first.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from ieg import losses
from ieg.networks.cosine import SCALE

_registered = keras.saving.register_keras_serializable(package="ieg")


class _FromLogits(keras.losses.Loss):
    """Loss from a function of labels [B], logits [B, K] and options.

    Args:
      options: keyword arguments of the function; part of the configuration.
      common: arguments of `keras.losses.Loss`.
    """

    function: ClassVar[Callable[..., tf.Tensor]]

    def __init__(self, options: dict[str, Any], common: dict[str, Any]) -> None:
        super().__init__(**common)
        self._options = options

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Loss of each example, [B].

        Raises:
          ValueError: one-hot labels, outputs that are not [B, K], or an option is out of range.
        """
        labels, logits = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
        if logits.shape.rank != 2:
            raise ValueError(
                f"{type(self).__name__} takes logits [B, K], not outputs {logits.shape}"
            )
        if labels.shape.rank == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.shape.rank != 1:
            raise ValueError(
                f"{type(self).__name__} takes class numbers [B], not one-hot labels {labels.shape}"
            )
        return type(self).function(tf.cast(labels, tf.int32), logits, **self._options)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the class."""
        return {**super().get_config(), **self._options}


class _OfClassCounts(_FromLogits):
    """Loss with `class_counts` among its options."""

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Loss of each example, [B]; see `_FromLogits`."""
        given, wanted = len(self._options["class_counts"]), y_pred.shape[-1]
        if given != wanted:
            raise ValueError(f"{type(self).__name__} has {given} class_counts for {wanted} logits")
        return super().call(y_true, y_pred)


class _WithPrediction(_FromLogits):
    """Loss whose target has the prediction in it; see its subclasses for the arguments."""

    def __init__(
        self,
        epsilon: float = 0.5,
        temperature: float = 1.0,
        detach_target: bool = False,
        **common: Any,
    ) -> None:
        options = {"epsilon": epsilon, "temperature": temperature, "detach_target": detach_target}
        super().__init__(options, common)


def _numbers(class_counts: Sequence[int]) -> list[int]:
    return [int(count) for count in class_counts]


@_registered
class GCE(_FromLogits):
    """Generalized cross entropy (1 - p_y^q) / q, see `ieg.losses.gce`.

    Args:
      q: in (0, 1]; 1 gives mean absolute error, the limit 0 cross entropy.

    2 (1 - √0.2):

    >>> print(GCE(q=0.5)([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    1.106
    """

    function = staticmethod(losses.gce)

    def __init__(self, q: float = 0.7, **common: Any) -> None:
        super().__init__({"q": q}, common)


@_registered
class SymmetricCrossEntropy(_FromLogits):
    """Cross entropy plus reverse cross entropy, μ H(q, p) + r (1 - p_y).

    See `ieg.losses.symmetric_cross_entropy`.

    Args:
      forward: μ >= 0.
      reverse: r >= 0.

    >>> loss = SymmetricCrossEntropy()
    >>> print(loss([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    3.361
    """

    function = staticmethod(losses.symmetric_cross_entropy)

    def __init__(self, forward: float = 0.1, reverse: float = 4.0, **common: Any) -> None:
        super().__init__({"forward": forward, "reverse": reverse}, common)


@_registered
class Focal(_FromLogits):
    """Focal loss -(1 - p_y)^γ log p_y, see `ieg.losses.focal`.

    Args:
      gamma: γ >= 0.

    >>> print(Focal(gamma=2)([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    1.03
    """

    function = staticmethod(losses.focal)

    def __init__(self, gamma: float = 1.0, **common: Any) -> None:
        super().__init__({"gamma": gamma}, common)


def _ldam(
    labels: tf.Tensor, logits: tf.Tensor, *, class_counts: list[int], largest: float, scale: float
) -> tf.Tensor:
    return losses.ldam(labels, logits, losses.ldam_margins(class_counts, largest), scale)


@_registered
class LDAM(_OfClassCounts):
    """Cross entropy of cosines with margins that are wider for smaller classes.

    See `ieg.losses.ldam` and `ldam_margins`.

    Args:
      class_counts: [K] training examples of each class.
      largest: margin of the smallest class, as a cosine.
      scale: s; the outputs of the model are s times cosines.

    A margin of 0.5 at scale log 2 = 0.6931 makes 0.141 of the label's 0.2: -log(0.141 / 0.941).

    >>> loss = LDAM([16, 1, 0], scale=0.6931)
    >>> print(loss([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    1.896
    """

    function = staticmethod(_ldam)

    def __init__(
        self,
        class_counts: Sequence[int],
        largest: float = 0.5,
        scale: float = SCALE,
        **common: Any,
    ) -> None:
        options = {"class_counts": _numbers(class_counts), "largest": largest, "scale": scale}
        super().__init__(options, common)


@_registered
class BalancedSoftmax(_OfClassCounts):
    """Cross entropy with the class sizes in the softmax, see `ieg.losses.balanced_softmax`.

    Args:
      class_counts: [K] training examples of each class.

    -log(1 / 8):

    >>> print(BalancedSoftmax([10, 5, 0])([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    2.079
    """

    function = staticmethod(losses.balanced_softmax)

    def __init__(self, class_counts: Sequence[int], **common: Any) -> None:
        super().__init__({"class_counts": _numbers(class_counts)}, common)


@_registered
class SoftBootstrapping(_WithPrediction):
    """Cross entropy with (1 - ε) label + ε prediction, see `ieg.losses.soft_bootstrapping`.

    Args:
      epsilon: ε in [0, 1].
      temperature: T > 0 of the prediction; below 1 sharpens it.
      detach_target: True to treat the target as a constant.

    >>> loss = SoftBootstrapping(0.5)
    >>> print(loss([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    1.206
    """

    function = staticmethod(losses.soft_bootstrapping)


@_registered
class HardBootstrapping(_FromLogits):
    """Cross entropy with (1 - ε) label + ε predicted class, see `ieg.losses.hard_bootstrapping`.

    Args:
      epsilon: ε in [0, 1].

    >>> loss = HardBootstrapping()
    >>> print(loss([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    1.359
    """

    function = staticmethod(losses.hard_bootstrapping)

    def __init__(self, epsilon: float = 0.2, **common: Any) -> None:
        super().__init__({"epsilon": epsilon}, common)


@_registered
class ConfidencePenalty(_WithPrediction):
    """Cross entropy less the entropy of the prediction, see `ieg.losses.confidence_penalty`.

    Args:
      epsilon: ε in [0, 1], weight of the entropy.
      temperature: T > 0 of the prediction; below 1 sharpens it.
      detach_target: True to treat the target as a constant.

    >>> loss = ConfidencePenalty(0.5)
    >>> print(loss([1], tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    0.404
    """

    function = staticmethod(losses.confidence_penalty)


@_registered
class DerivativeManipulation(_FromLogits):
    """Derivative manipulation: cross entropy's derivative with a chosen norm, see `ieg.losses.dm`.

    The norms are 1 on average over a batch, or over the part of it that a replica has.

    Args:
      lambda_: λ >= 0; examples with label probability λ / (λ + 1) get the largest weight.
      beta: β, emphasis on those examples.

    The mean of 1.085 and -0.184:

    >>> loss = DerivativeManipulation()
    >>> print(loss([0, 0], tf.math.log([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])).numpy().round(3))
    0.45
    """

    function = staticmethod(losses.dm)

    def __init__(self, lambda_: float = 0.5, beta: float = 12.0, **common: Any) -> None:
        super().__init__({"lambda_": lambda_, "beta": beta}, common)
