"""Gaussian classes behind a label channel: the closed-form head on frozen features, as it is.

The head that `head_start=gaussian` computes is the result; see `ieg.features.gaussian` for formula
and references. Training is one pass over the examples that moves nothing and records their losses.
"""

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch
from ieg.losses import cross_entropy
from ieg.methods import REGISTRY, Method, StepOutput, StepState


@REGISTRY.register("gaussian")
class Gaussian(Method):
    """The closed-form head on the features of a backbone, without any training."""

    requires: ClassVar[Mapping[str, Any]] = {"head_start": "gaussian", "use_ema": False}

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """Measure the loss of a batch; no weight has a gradient."""
        logits, network_state = self.network(state.params, state.network_state, batch.image)
        targets = tf.one_hot(batch.label, self.context.num_classes)
        return StepOutput(
            gradients=[None] * len(state.params),
            network_state=network_state,
            loss=replicas.batch_mean(cross_entropy(targets, logits)),
            logits=logits,
            scalars={},
            per_example={},
        )
