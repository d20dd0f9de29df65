"""FSR's pseudo labels: what the network has said of an example so far."""

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.label_guess import Mean, rms_normalize


@dataclass(frozen=True)
class PseudoLoss:
    """How running logits become labels, and how much they count.

    Attributes:
      temperature: T > 0 of the softmax.
      momentum: γ in [0, 1), what the running logits keep.
      weight: of the loss, at least 0.
    """

    temperature: float
    momentum: float
    weight: float

    @classmethod
    def parse(cls, text: str) -> "PseudoLoss":
        """From the released code's string `all_TEMPERATURE_MOMENTUM_WEIGHT`.

        Raises:
          ValueError: the text has another form.
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


def pseudo_labels(running: tf.Tensor, temperature: float, mean: Mean = tf.reduce_mean) -> tf.Tensor:
    """softmax(rms_normalize(e) / T).

    Args:
      running: [B, K] running logits e of the examples.
      temperature: T > 0.
      mean: over all entries of the batch, for the normalisation.
    Returns:
      [B, K], rows sum to 1.
    """
    return tf.nn.softmax(rms_normalize(running, mean) / temperature)


def running_logits(
    running: tf.Tensor, logits: tf.Tensor, momentum: float, mean: Mean = tf.reduce_mean
) -> tf.Tensor:
    """γ rms_normalize(e) + (1 - γ) z.

    Args:
      running: [B, K] running logits e.
      logits: [B, K] newest logits z.
      momentum: γ in [0, 1).
      mean: over all entries of the batch, for the normalisation.
    Returns:
      [B, K].
    """
    return momentum * rms_normalize(running, mean) + (1 - momentum) * logits
