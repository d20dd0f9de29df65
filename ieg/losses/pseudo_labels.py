"""FSR's pseudo labels, from a running average of each example's logits.

In each step labels are made of the running logits e, which are then updated:

    L = λ/B Σ_i ce(softmax(rms_normalize(e_i) / T), z_i)
    e_i ← γ rms_normalize(e_i) + (1 - γ) z_i

z_i are the logits that the step trains on. With MixUp they are those of a mixed image, and e_i
belongs to the first of its two examples: pseudo labels are not mixed, as released.

Zhang and Pfister, "Learning Fast Sample Re-weighting Without Reward Data", ICCV 2021 (arXiv
2109.03216).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.label_guess import rms_normalize
from ieg.replicas import Mean, replica_mean


@dataclass(frozen=True)
class PseudoLoss:
    """Settings of FSR's loss with pseudo labels.

    Attributes:
      temperature: T > 0 of the softmax that makes labels of running logits.
      momentum: γ in [0, 1), the share of the running logits that an update keeps.
      weight: weight of the loss, at least 0.
    """

    temperature: float
    momentum: float
    weight: float

    @classmethod
    def parse(cls, text: str) -> PseudoLoss:
        """Parse the released code's string `all_TEMPERATURE_MOMENTUM_WEIGHT`.

        Raises:
          ValueError: the text has another form.

        >>> PseudoLoss.parse("all_1_0.1_2")
        PseudoLoss(temperature=1.0, momentum=0.1, weight=2.0)
        """
        kind, *numbers = text.split("_")
        try:
            temperature, momentum, weight = map(float, numbers)
        except ValueError:
            kind = ""
        if kind != "all" or not (temperature > 0 and 0 <= momentum < 1 and weight >= 0):
            raise ValueError(
                "must be all_TEMPERATURE_MOMENTUM_WEIGHT with a temperature above 0, a momentum in "
                "[0, 1) and a weight of at least 0, such as all_1_0.1_2; or 'none'"
            )
        return cls(temperature, momentum, weight)


def pseudo_labels(running: tf.Tensor, temperature: float, mean: Mean = replica_mean) -> tf.Tensor:
    """Pseudo labels from running logits.

    softmax(rms_normalize(e) / T)        FSR (see above), as released

    Args:
      running: [B, K] running logits e of the examples.
      temperature: T > 0.
      mean: mean over all entries of the global batch, [B, K] → scalar.
    Returns:
      [B, K], rows sum to 1.

    >>> print(pseudo_labels(tf.constant([[2.0, 0.0]]), 1.0).numpy().round(3))  # softmax(√2, 0)
    [[0.804 0.196]]
    """
    return tf.nn.softmax(rms_normalize(running, mean) / temperature)


def running_logits(
    running: tf.Tensor, logits: tf.Tensor, momentum: float, mean: Mean = replica_mean
) -> tf.Tensor:
    """Running logits after one more prediction.

    γ rms_normalize(e) + (1 - γ) z        FSR (see above), as released

    Args:
      running: [B, K] running logits e.
      logits: [B, K] newest logits z, those of the training pass.
      momentum: γ in [0, 1).
      mean: mean over all entries of the global batch, [B, K] → scalar.
    Returns:
      [B, K].

    >>> running, logits = tf.constant([[2.0, 0.0]]), tf.constant([[0.0, 4.0]])
    >>> print(running_logits(running, logits, momentum=0.5).numpy().round(3))
    [[0.707 2.   ]]
    """
    return momentum * rms_normalize(running, mean) + (1 - momentum) * logits
