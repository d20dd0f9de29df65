"""L2R: example weights that lower the loss on clean probe examples, new in each step.

M. Ren, W. Zeng, B. Yang and R. Urtasun, "Learning to Reweight Examples for Robust Deep Learning",
ICML 2018 (arXiv 1803.09050). This follows the paper: a step is its algorithm 1. Extensions are the
warm-up (`l2r_warmup_epochs`), look-aheads in some steps only (`meta_interval`) or for some
variables only (`meta_partial_level`), `weight_mode=sigmoid`, and `l2r_agreement_epoch`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch
from ieg.losses import cross_entropy, label_smoothing
from ieg.meta import example_weights
from ieg.methods import REGISTRY, Context, Method, Needs, StepOutput, StepState
from ieg.methods.lookahead import (
    IntervalOptions,
    LookaheadOptions,
    Weighing,
    after_look_ahead,
    gradient_of_weights,
    memories,
    normalized,
    relative,
    remember,
    weighing,
)
from ieg.methods.monitoring import WEIGHT_CURVES, weight_scalars
from ieg.networks import parts
from ieg.options import option


@dataclass(frozen=True)
class Options(IntervalOptions, LookaheadOptions):
    """Options of L2R."""

    weight_mode: str = option(
        "clamp",
        "example weights from the meta-gradient g: clamp for max(-g, 0), sigmoid for sigmoid(-g); "
        "both are normalized over the batch",
        choices=("clamp", "sigmoid"),
    )
    # At random weights the gradient on a few probe images says nothing about other images: on
    # letters with 100 probe images L2R stays at chance from a cold start.
    l2r_warmup_epochs: int = option(
        2, "epochs with equal weights before the first look-ahead; the paper has 0", at_least=0
    )
    # In a long training a quarter of the weight stays on wrong labels, and the network memorizes
    # them (docs/results.md). A related cause, weights that say less once the probe loss is small:
    # "Revisiting Meta-Learning with Noisy Labels: Reweighting Dynamics and Theoretical Guarantees",
    # 2025, arXiv 2510.12209.
    l2r_agreement_epoch: int | None = option(
        None,
        "epoch from which on, after the warm-up, weights are multiplied by p_y / max_k p_k, the "
        "predicted probability of the given label relative to the largest one; unset: never",
        at_least=0,
    )


class Variant(NamedTuple):
    """Kind of a step: origin of the example weights; True to multiply them by the agreement."""

    weighing: Weighing
    agreement: bool = False


@REGISTRY.register("l2r")
class L2R(Method):
    """Weights the examples of each step by the meta-gradient of a one-step look-ahead."""

    Options = Options
    needs = Needs(probe=True)
    per_example = ("weight",)
    curves = WEIGHT_CURVES | {"Look-ahead on probe images": {"probe_accuracy": "top-1 accuracy"}}

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self._moving = parts.lookahead_variables(context.model, options.meta_partial_level)

    @staticmethod
    def probe_size(batch_size: int, num_classes: int) -> int:
        """25, or one of each class if there are more, but no more than the batch has."""
        # As many as training examples, as in the paper, make a step cost 2.7 plain ones instead of
        # 1.9 and gain nothing, on digits and on validation images of Fashion-MNIST
        # (docs/results.md). Classes take turns, so fewer than those would miss some in each step.
        return min(batch_size, max(25, num_classes))

    def init_state(self) -> dict[str, tf.Variable]:
        """Last weights [N], as multiples of the mean; only with `meta_interval` > 1."""
        return memories(self.context, "weight") if self.options.meta_interval > 1 else {}

    def too_short(self) -> str | None:
        """The warm-up may be longer than the run, and agreement may begin after its end."""
        length, begin = self.context.length, self.options.l2r_agreement_epoch
        if begin is not None and length.total_steps <= begin * length.steps_per_epoch:
            return f"the run ends before agreement begins, by `l2r_agreement_epoch={begin}`"
        return length.within("l2r_warmup_epochs", self.options.l2r_warmup_epochs)

    def variant(self, step: int) -> Variant:
        """Equal weights in the warm-up; agreement from its epoch on, if that is over."""
        epoch, options = self.context.length.steps_per_epoch, self.options
        origin = weighing(step, options.l2r_warmup_epochs * epoch, options.meta_interval)
        if origin is Weighing.EQUAL or options.l2r_agreement_epoch is None:
            return Variant(origin)
        return Variant(origin, step >= options.l2r_agreement_epoch * epoch)

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = Σ w_i ce(q_i, f(x_i; θ)), with weights from g_i = ∂L_probe/∂ε_i at ε = 0."""
        assert isinstance(variant, Variant)
        targets = label_smoothing(
            batch.label, self.context.num_classes, self.context.label_smoothing
        )
        scalars, scope = {}, self.options.meta_scope
        if variant.weighing is Weighing.LOOK_AHEAD:
            decay = self.context.probe_decay
            with replicas.scope(scope):
                meta = gradient_of_weights(
                    self, batch, state, targets, moving=self._moving, probe_decay=decay
                )
                weights = example_weights(meta.gradient, self.options.weight_mode, replicas.total)
            scalars = {"probe_loss": meta.outer_loss, "probe_accuracy": meta.aux}
            weights, scalars = replicas.shares((weights, scalars), scope)
            if "weight" in state.variables:
                remember(state.variables["weight"], batch.index, relative(weights))
        elif variant.weighing is Weighing.REMEMBERED:
            weights = normalized(tf.gather(state.variables["weight"], batch.index), scope)
        else:
            weights = replicas.equal_weights(batch.label)
        with after_look_ahead(self.options, weights), tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(state.params, state.network_state, batch.image)
            if variant.agreement:
                weights = normalized(weights * agreement(logits, batch.label), scope)
            loss = tf.reduce_sum(weights * cross_entropy(targets, logits))
        return StepOutput(
            gradients=self.gradient(tape, loss, state.params),
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars=scalars | weight_scalars(weights, batch),
            per_example={"weight": weights},
        )


def agreement(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Agreement of the network with the given labels, without a gradient.

        a = p_y / max_k p_k = exp(z_y - max_k z_k)

    It is 1 where the given label is the predicted class, even if the network is unsure.

    Args:
      logits: [B, K] z.
      labels: [B] int y.
    Returns:
      [B] in [0, 1].

    >>> logits = tf.math.log([[0.5, 0.25, 0.25], [0.2, 0.8, 0.0]])
    >>> print(agreement(logits, tf.constant([0, 0])).numpy())
    [1.   0.25]
    """
    given = tf.gather(logits, labels, batch_dims=1)
    return tf.exp(tf.stop_gradient(given - tf.reduce_max(logits, axis=1)))
