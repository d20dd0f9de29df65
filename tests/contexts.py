"""What a method is given, made up around a network."""

import numpy as np
import tensorflow as tf

from ieg.methods import Context, Examples, Length, StepState
from ieg.update import UpdateRule


def context(model, labels, num_classes, *, decay=None, **changes):
    """The context of a training split with these given labels, all of them to train on.

    Args:
      changes: other values of fields of `Context`, `Examples`, `Length` or `UpdateRule`.
    """
    decay = [0.0] * len(model.trainable_variables) if decay is None else decay
    labels = np.asarray(labels)
    fields = {
        Examples: {
            "given_labels": labels,
            "true_labels": labels,
            "train_indices": np.arange(len(labels)),
        },
        Length: {
            "batch_size": len(labels),
            "replicas": 1,
            "steps_per_epoch": 3,
            "total_steps": 12,
        },
        UpdateRule: {
            "momentum": 0.9,
            "clip_norm": 0.0,
            "accumulation_steps": 1,
            "decay": decay,
        },
    }
    parts = [
        kind(**{name: changes.pop(name, value) for name, value in values.items()})
        for kind, values in fields.items()
    ]
    own = {"probe_decay": decay, "label_smoothing": 0.0, "seed": 0, **changes}
    return Context(model, num_classes, *parts, **own)


def no_pass(indices, output="logits"):
    """For methods that need no pass over the training images between epochs."""
    raise AssertionError("nobody asked for a pass")


def start(model, number=0, *, params=None, buffers=None, variables=None):
    """The state before a step, from the model's weights and momentum 0 unless given."""
    if params is None:
        params = [tf.convert_to_tensor(v.value) for v in model.trainable_variables]
    return StepState(
        step=tf.constant(number, tf.int64),
        learning_rate=tf.constant(0.1),
        params=params,
        network_state=[tf.convert_to_tensor(v.value) for v in model.non_trainable_variables],
        buffers=[tf.zeros_like(p) for p in params] if buffers is None else buffers,
        variables={} if variables is None else variables,
    )
