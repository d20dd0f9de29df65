"""Scalars that show whether a method tells right from wrong labels; none of them is trained on."""

from __future__ import annotations

import math

import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch

#: Panel for `Method.curves` of the last two scalars of `weight_scalars`.
WEIGHT_CURVES = {
    "Clean labels": {
        "clean_weight_share": "share of the weight",
        "clean_share": "share of the examples",
    }
}


def clean_and_wrong(batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
    """Indicators [B] float32 of examples with a right label, and of those with a wrong one.

    Both are 0 for an example without a known true label, and all are nan if the global batch has no
    other, so that means over them are nan too.
    """
    known, clean = batch.true_label >= 0, batch.label == batch.true_label
    count = replicas.total(tf.reduce_sum(tf.cast(known, tf.float32)))
    nothing = tf.where(count > 0, 0.0, math.nan)
    return tf.cast(clean, tf.float32) + nothing, tf.cast(known & ~clean, tf.float32) + nothing


def share_of_mean(values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """This replica's share of the mean of values [B] where chosen [B] is 1; nan without any."""
    return tf.reduce_sum(values * chosen) / replicas.total(tf.reduce_sum(chosen))


def weight_scalars(weights: tf.Tensor, batch: Batch) -> dict[str, tf.Tensor]:
    """Shares of three scalars on example weights [B].

    They are the fraction of weights that are 0, the weight on right labels as a fraction of all
    weight, and for comparison the fraction of right labels. The last two are over the examples
    whose true label is known, and nan without any.
    """
    clean, wrong = clean_and_wrong(batch)
    return {
        "weights_zero_ratio": replicas.batch_mean(tf.cast(weights <= 0, tf.float32)),
        "clean_weight_share": tf.reduce_sum(weights * clean)
        / replicas.total(tf.reduce_sum(weights * (clean + wrong))),
        "clean_share": tf.reduce_sum(clean) / replicas.total(tf.reduce_sum(clean + wrong)),
    }
