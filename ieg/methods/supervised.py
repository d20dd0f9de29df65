"""Plain training on the labels as they are: the baseline."""

from collections.abc import Hashable

import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch
from ieg.losses import cross_entropy, label_smoothing
from ieg.methods import REGISTRY, Method, StepOutput, StepState


@REGISTRY.register("supervised")
class Supervised(Method):
    """Mean cross entropy with label smoothing."""

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = 1/B Σ ce(q_i, f(x_i; θ))."""
        targets = label_smoothing(
            batch.label, self.context.num_classes, self.context.label_smoothing
        )
        with tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(state.params, state.network_state, batch.image)
            loss = replicas.batch_mean(cross_entropy(targets, logits))
        return StepOutput(
            gradients=tape.gradient(loss, state.params),
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars={},
            per_example={},
        )
