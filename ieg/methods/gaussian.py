"""Gaussian classes behind a label channel: the closed-form head on frozen features.

The head that `head_start=gaussian` computes is the result; see `ieg.features.gaussian` for formula
and references. Training is one pass over the examples that moves nothing and records their losses.

In fine-tuning (`finetune_epochs`) the network is trained on the head's posterior r of the true
class of each example, which leaves the example itself out:

    L = 1/B Σ_i ce(r_i, f(x_i; θ))        r_ik = P(true = k | x_i, given label)

Clean probe examples take part by their labels.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch
from ieg.losses import cross_entropy
from ieg.methods import REGISTRY, Context, Method, Needs, StepOutput, StepState


@REGISTRY.register("gaussian")
class Gaussian(Method):
    """The closed-form head on the features of a backbone, and fine-tuning on its posterior."""

    needs: ClassVar[Needs] = Needs(posterior=True)
    requires: ClassVar[Mapping[str, Any]] = {"head_start": "gaussian", "use_ema": False}
    on_features: ClassVar[Mapping[str, Any]] = {"max_epoch": 1}
    closed_form: ClassVar[bool] = True

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self._posterior: tf.Tensor | None = None
        if context.posterior is not None:
            self._posterior = tf.constant(context.posterior, tf.float32)

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """Loss against given labels, without gradients; in fine-tuning L and its gradients."""
        with tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(state.params, state.network_state, batch.image)
            loss = replicas.batch_mean(cross_entropy(self._targets(batch), logits))
        gradients: list[tf.Tensor | None] = [None] * len(state.params)
        if self._posterior is not None:
            gradients = self.gradient(tape, loss, state.params)
        return StepOutput(
            gradients=gradients,
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars={},
            per_example={},
        )

    def _targets(self, batch: Batch) -> tf.Tensor:
        """[B, K] distributions over the classes."""
        if self._posterior is None:
            return tf.one_hot(batch.label, self.context.num_classes)
        return tf.gather(self._posterior, batch.index)
