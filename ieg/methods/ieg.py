"""IEG: example weights and trust in given labels from a look-ahead, with guessed labels and MixUp.

Z. Zhang, H. Zhang, S. Ö. Arık, H. Lee and T. Pfister, "Distilling Effective Supervision from Severe
Label Noise", CVPR 2020 (arXiv 1910.00701). Equations are the paper's; where the released code
differs, this follows the code. Not from either: `ieg_warmup_epochs` and `meta_interval`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from ieg import keys, replicas
from ieg.augment import mixup
from ieg.data.pipeline import Batch
from ieg.losses import (
    cross_entropy,
    kl_divergence,
    label_guess,
    label_smoothing,
    rms_normalize,
    soft_targets,
)
from ieg.meta import InnerProblem, MetaGradient, example_weights, meta_gradient
from ieg.methods import REGISTRY, Context, Method, Needs, StepOutput, StepState
from ieg.methods.lookahead import (
    IntervalOptions,
    MomentumLookaheadOptions,
    Weighing,
    after_look_ahead,
    memories,
    normalized,
    probe_loss,
    relative,
    remember,
    stepsize,
    weighing,
)
from ieg.methods.monitoring import WEIGHT_CURVES, clean_and_wrong, share_of_mean, weight_scalars
from ieg.networks import parts
from ieg.options import option

Tensors: TypeAlias = "list[tf.Tensor]"

#: Temperature of the sharpened label guess.
TEMPERATURE = 0.5


@dataclass(frozen=True)
class Options(IntervalOptions, MomentumLookaheadOptions):
    """Options of IEG."""

    grad_eps_init: float = option(
        0.9,
        "initial trust in the given label, from which the look-ahead starts",
        at_least=0,
        at_most=1,
    )
    ieg_warmup_epochs: int = option(
        0, "epochs of plain training on the weak view before the method begins", at_least=0
    )
    guess_gradient: bool = option(
        True, "let the gradient of the look-ahead flow through the guessed labels too"
    )
    ce_factor: float = option(
        5.0,
        "weight of the MixUp loss on training images, relative to that on probe images; 0: no "
        "MixUp of training images",
        at_least=0,
    )
    consistency_factor: float = option(
        20.0, "weight of the consistency loss between the weak and the strong view", at_least=0
    )


class Meta(NamedTuple):
    """Result of a look-ahead: weights [B], trust [B] of 0 or 1, and shares of scalars to log."""

    weight: tf.Tensor
    trust: tf.Tensor
    scalars: dict[str, tf.Tensor]


@REGISTRY.register("ieg")
class IEG(Method):
    """Learns example weights and trust in labels, and trains on all images without labels too."""

    Options = Options
    needs = Needs(probe=True, strong=True)
    per_example = ("weight", "trust")
    curves = WEIGHT_CURVES | {
        "Labels that are trusted (fraction)": {
            "trust_clean": "clean label",
            "trust_wrong": "wrong label",
        },
        "Look-ahead on probe images": {"probe_accuracy": "top-1 accuracy"},
    }

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self._moving = parts.lookahead_variables(context.model, options.meta_partial_level)

    def init_state(self) -> dict[str, tf.Variable]:
        """Last weights [N], as multiples of the mean, and trust; only with `meta_interval` > 1."""
        return memories(self.context, "weight", "trust") if self.options.meta_interval > 1 else {}

    def too_short(self) -> str | None:
        """The warm-up may be longer than the run."""
        return self.context.length.within("ieg_warmup_epochs", self.options.ieg_warmup_epochs)

    def variant(self, step: int) -> Weighing:
        """Origin of the example weights and trust of a step; equal weights in the warm-up."""
        warmup = self.options.ieg_warmup_epochs * self.context.length.steps_per_epoch
        return weighing(step, warmup, self.options.meta_interval)

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = (L1 + L2) / 2 + L_mixed + L_consistent

        L1 = mean ce(λ* y + (1-λ*) g, z)        L2 = Σ w ce(λ0 y + (1-λ0) g, z)

        z are logits of the weak view, g the labels guessed from both views, w and λ* weights and
        trust from the look-ahead, λ0 the initial trust.
        """
        given = label_smoothing(batch.label, self.context.num_classes, self.context.label_smoothing)
        if variant is Weighing.EQUAL:
            return self._plain_step(batch, state, given)
        found = self._look_ahead if variant is Weighing.LOOK_AHEAD else self._remembered
        meta = found(batch, state, given)
        with after_look_ahead(self.options, (meta.weight, meta.trust)), tf.GradientTape() as tape:
            tape.watch(state.params)
            (weak, strong), network_state = self._views(batch, state, state.params)
            guess = tf.stop_gradient(label_guess((weak, strong), TEMPERATURE, replicas.global_mean))
            trusting = soft_targets(given, guess, meta.trust)
            starting = soft_targets(given, guess, self.options.grad_eps_init)
            losses = {
                "trust_loss": replicas.batch_mean(cross_entropy(trusting, weak)) / 2,
                "weight_loss": tf.reduce_sum(meta.weight * cross_entropy(starting, weak)) / 2,
            }
            if self.options.consistency_factor:
                apart = kl_divergence(tf.stop_gradient(weak), strong)
                factor = self.options.consistency_factor
                losses["consistency_loss"] = factor * replicas.batch_mean(apart)
            if self.options.ce_factor:
                losses["mixed_loss"] = self._mixed_loss(batch, state, guess)
            loss = tf.add_n(list(losses.values()))
        return StepOutput(
            gradients=self.gradient(tape, loss, state.params),
            network_state=network_state,
            loss=loss,
            logits=weak,
            scalars={**losses, **meta.scalars, **weight_scalars(meta.weight, batch)},
            per_example={"weight": meta.weight, "trust": meta.trust},
        )

    def _plain_step(self, batch: Batch, state: StepState, given: tf.Tensor) -> StepOutput:
        """L = mean ce(y, z): weights 1/B, and full trust in every label."""
        with tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(state.params, state.network_state, batch.image)
            loss = replicas.batch_mean(cross_entropy(given, logits))
        weight = replicas.equal_weights(batch.label)
        return StepOutput(
            gradients=self.gradient(tape, loss, state.params),
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars=weight_scalars(weight, batch),
            per_example={"weight": weight, "trust": tf.ones_like(weight)},
        )

    def _views(
        self, batch: Batch, state: StepState, params: Tensors
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], Tensors]:
        """Logits of the weak and the strong view; moving statistics follow the weak one."""
        weak, network_state = self.network(params, state.network_state, batch.image)
        strong, _ = self.network(params, state.network_state, batch.strong_image)
        return (weak, strong), network_state

    def _look_ahead(self, batch: Batch, state: StepState, given: tf.Tensor) -> Meta:
        """Weights w and trust λ* from the gradient of the probe loss in ω and λ, eq. 4 to 6.

        The inner loss is Σ ω_i ce(λ_i y_i + (1-λ_i) g_i, z_i); ω starts at 1/B and λ at λ0.
        """
        assert batch.probe is not None  # the trainer sees to what `needs` asks for

        def predict(params: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
            return self._views(batch, state, params)[0]

        def inner_loss(views: tuple[tf.Tensor, tf.Tensor], phi: Any) -> tf.Tensor:
            omega, trust = phi
            guess = label_guess(views, TEMPERATURE, replicas.global_mean)
            if not self.options.guess_gradient:
                guess = tf.stop_gradient(guess)
            return tf.reduce_sum(omega * cross_entropy(soft_targets(given, guess, trust), views[0]))

        inner = InnerProblem(
            predict,
            inner_loss,
            stepsize=stepsize(self.options, state),
            decay=self.context.update.decay,
            momentum=self.options.meta_momentum,
            buffers=state.buffers,
            moving=self._moving,
            scale=self.context.loss_scale,
            apart=self.options.meta_low_memory,
        )
        with replicas.scope(self.options.meta_scope):
            meta = meta_gradient(
                inner,
                probe_loss(self, state.network_state, batch.probe),
                state.params,
                (
                    replicas.equal_weights(batch.label),
                    tf.fill(tf.shape(batch.label), self.options.grad_eps_init),
                ),
                mode=self.options.meta_gradient,
                outer_decay=self.context.probe_decay,
            )
        found = _interpret(meta, batch, self.options.meta_scope)
        if "weight" in state.variables:
            remember(state.variables["weight"], batch.index, relative(found.weight))
            remember(state.variables["trust"], batch.index, found.trust)
        return found

    def _remembered(self, batch: Batch, state: StepState, given: tf.Tensor) -> Meta:
        """Weights w and trust λ* from the last look-ahead of each example."""
        weight, trust = (
            tf.gather(state.variables[name], batch.index) for name in ("weight", "trust")
        )
        weight = normalized(weight, self.options.meta_scope)
        return Meta(weight, trust, _trust_scalars(trust, batch))

    def _mixed_loss(self, batch: Batch, state: StepState, guess: tf.Tensor) -> tf.Tensor:
        """MixUp loss: a forward pass on a mixture of probe images, weak and strong views."""
        images, targets = self._mixture(batch, state, guess)
        logits, _ = self.network(state.params, state.network_state, images)
        parts = [-1, 3, self.context.num_classes]
        return mixed_loss(
            tf.reshape(targets, parts), tf.reshape(logits, parts), self.options.ce_factor
        )

    def _mixture(
        self, batch: Batch, state: StepState, guess: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """MixUp over the global batch: images [3 B, H, W, C] and labels [3 B, K] of this replica.

        Row 3 i is a probe image drawn with replacement, rows 3 i + 1 and 3 i + 2 are the weak and
        the strong view of image i; each is mixed with any row of the global batch. In this order
        the rows of a replica are those of its images.
        """
        assert batch.probe is not None and batch.strong_image is not None  # see `needs`
        size = guess.shape[0]
        everyone, probes = (n * replicas.count() for n in (size, batch.probe.label.shape[0]))
        seeds = [keys.stateless_seed(self.context.seed, p, state.step) for p in ("labelled", "mix")]
        chosen = tf.random.stateless_uniform([everyone], seeds[0], maxval=probes, dtype=tf.int32)
        chosen = tf.gather(chosen, replicas.own_rows(size))
        labels = tf.one_hot(batch.probe.label, self.context.num_classes)

        def rows(probe: tf.Tensor, weak: tf.Tensor, strong: tf.Tensor) -> tf.Tensor:
            labeled = tf.gather(replicas.gather(probe), chosen)
            return tf.reshape(tf.stack([labeled, weak, strong], axis=1), [-1, *weak.shape[1:]])

        images, targets = mixup.mix_batch(
            seeds[1],
            rows(batch.probe.image, batch.image, batch.strong_image),
            rows(labels, guess, guess),
        )
        return images, targets


def mixed_loss(targets: tf.Tensor, logits: tf.Tensor, ce_factor: float) -> tf.Tensor:
    """Cross entropy of mixed examples, with the logits of each part divided by their RMS.

    L = mean ce(labeled part) + ce_factor · mean ce(two unlabeled parts)    IEG, section 3.3

    Args:
      targets: [B, 3, K] distributions: the labeled part, then the two unlabeled ones.
      logits: [B, 3, K].
      ce_factor: weight of the unlabeled parts, at least 0.
    Returns:
      this replica's share, a scalar.
    """
    labeled, weak, strong = (
        replicas.batch_mean(cross_entropy(q, rms_normalize(z, replicas.global_mean)))
        for q, z in zip(tf.unstack(targets, axis=1), tf.unstack(logits, axis=1), strict=True)
    )
    return labeled + ce_factor * (weak + strong) / 2


def _interpret(meta: MetaGradient, batch: Batch, scope: str) -> Meta:
    """Weights max(-∂L/∂ω_i, 0), normalized, and trust λ*_i = 1 where ∂L/∂λ_i < 0, else 0."""
    omega, trust_gradient = meta.gradient
    with replicas.scope(scope):
        weight = example_weights(omega, total=replicas.total)
    weight, probe_loss, probe_accuracy = replicas.shares((weight, meta.outer_loss, meta.aux), scope)
    trust = tf.cast(trust_gradient < 0, tf.float32)
    scalars = {"probe_loss": probe_loss, "probe_accuracy": probe_accuracy}
    return Meta(weight, trust, scalars | _trust_scalars(trust, batch))


def _trust_scalars(trust: tf.Tensor, batch: Batch) -> dict[str, tf.Tensor]:
    clean, wrong = clean_and_wrong(batch)
    return {
        "trust_clean": share_of_mean(trust, clean),
        "trust_wrong": share_of_mean(trust, wrong),
    }
