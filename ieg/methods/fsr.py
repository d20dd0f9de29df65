"""FSR: example weights without clean data, from a dictionary of the most trusted examples.

Z. Zhang and T. Pfister, "Learning Fast Sample Re-weighting Without Reward Data", ICCV 2021 (arXiv
2109.03216). Where paper and released code differ, this follows the code, except for the initial
weights of the look-ahead (`FSR._look_ahead`) and for separate passes by default (`fsr_joint_pass`).
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from ieg import keys, replicas
from ieg.augment import mixup
from ieg.data import order
from ieg.data.pipeline import Batch, EpochPlan
from ieg.errors import InputError
from ieg.losses import (
    PseudoLoss,
    cross_entropy,
    label_smoothing,
    pseudo_labels,
    running_logits,
)
from ieg.meta import (
    InnerProblem,
    MetaGradient,
    example_weights,
    meta_gradient,
    shifted_weights,
)
from ieg.meta.dictionary import lowest_scores, updated_scores
from ieg.methods import REGISTRY, Context, Method, Predict, StepOutput, StepState
from ieg.methods.lookahead import (
    IntervalOptions,
    MomentumLookaheadOptions,
    after_look_ahead,
    normalized,
    partial_level,
    relative,
    remember,
    stepsize,
)
from ieg.methods.monitoring import WEIGHT_CURVES, clean_and_wrong, share_of_mean, weight_scalars
from ieg.networks import parts
from ieg.options import option

Tensors: TypeAlias = "list[tf.Tensor]"

#: Default size of the dictionary, from the published runs on CIFAR.
_CAPACITY = 2000

#: Default start of the weights in epochs, and as a share of a run that is shorter than 50 epochs.
_START, _START_SHARE = 20, 0.4


@dataclass(frozen=True)
class Options(IntervalOptions, MomentumLookaheadOptions):
    """Options of FSR."""

    # With the classifier alone a look-ahead takes a matrix product instead of a pass.
    meta_partial_level: int = partial_level(0)
    queue_capacity: int | None = option(
        None,
        "examples in the dictionary; unset: 2000, or a third of the training examples if that is "
        "less",
        above=0,
    )
    queue_bs: int = option(200, "dictionary examples per replica and step", above=0)
    queue_beta: float = option(
        0.9,
        "β of the dictionary scores: below 1 the decay of a moving average of margins, from 1 on "
        "the factor of margins that are summed up",
        at_least=0,
    )
    use_mixup: bool = option(True, "apply MixUp to the training images")
    use_pseudo_loss: str = option(
        "all_1_0.1_2",
        "pseudo-label loss on the running logits, as all_TEMPERATURE_MOMENTUM_WEIGHT, or none",
    )
    meta_start_epoch: int | None = option(
        None,
        "epochs with equal weights before the weights of the look-ahead are used; unset: 20, or "
        "two fifths of the run if that is less",
        at_least=0,
    )
    clip_meta_weight: bool = option(
        True,
        "cut negative weights to zero (for label noise); false: shift all weights above zero (for "
        "long tails)",
    )
    moving_weight_gamma: float = option(
        0.0,
        "decay of a moving average of the weights of each class, used in their place; 0: weights "
        "per example",
        at_least=0,
        below=1,
    )
    meta_moving_end_epoch: int = option(
        0,
        "epoch after which the moving averages of --moving_weight_gamma stand still; 0: never",
        at_least=0,
    )
    fsr_joint_pass: bool = option(
        False,
        "pass dictionary and training images through the look-ahead network as one batch, as "
        "released; false: pass them separately and share the features with the training pass",
    )


class Variant(NamedTuple):
    """Kind of a step.

    Attributes:
      weighted: True from `meta_start_epoch` on; equal weights before.
      moving: True while moving averages of weights are updated.
      looks_ahead: True for a step with a look-ahead.
    """

    weighted: bool
    moving: bool
    looks_ahead: bool


@REGISTRY.register("fsr")
class FSR(Method):
    """Weights examples by a look-ahead on a dictionary that it selects anew in each epoch."""

    Options = Options
    per_example = ("weight", "margin")
    curves = {
        "Dictionary": {"dictionary_purity": "purity: share of right labels"},
        "Margin (loss before less loss after the look-ahead)": {
            "margin_clean": "clean label",
            "margin_wrong": "wrong label",
        },
    } | WEIGHT_CURVES
    sums_as_written = True

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        if options.use_mixup and not context.model.inputs[0].dtype.startswith("float"):
            raise InputError(
                "MixUp cannot mix tokens; give `use_mixup=False`", option="method", value="fsr"
            )
        self._moving = parts.lookahead_variables(context.model, options.meta_partial_level)
        self._pseudo = _parsed(options.use_pseudo_loss)
        # Eagerly, step by step, it is too slow.
        self._compiled_rows = tf.function(self._dictionary_rows, autograph=False)
        self._capacity = _capacity(options, context)
        self._start = _start(options, context)

    def init_state(self) -> dict[str, tf.Variable]:
        """Scores [N] and dictionary [K, m]; if used, running logits [N, K] and class weights [K].

        With `meta_interval` > 1 also last weights, as multiples of the mean, and margins [N].
        """
        context, options = self.context, self.options
        size = len(context.examples.given_labels)
        values = {"score": tf.zeros([size]), "dictionary": self._choose(np.zeros(size))}
        if self._pseudo is not None:
            values["running_logits"] = tf.zeros([size, context.num_classes])
        if options.moving_weight_gamma:
            values["class_weight"] = tf.fill([context.num_classes], 1 / context.length.batch_size)
        if options.meta_interval > 1:
            values |= {"weight": tf.ones([size]), "margin": tf.zeros([size])}
        return {name: replicas.variable(value) for name, value in values.items()}

    def plan(self, epoch: int, variables: Mapping[str, tf.Variable]) -> EpochPlan:
        """Select class-balanced examples of the dictionary for the look-ahead of each step."""
        rows = self._compiled_rows(
            tf.convert_to_tensor(variables["dictionary"]), tf.constant(epoch)
        )
        return EpochPlan(probe=rows.numpy())

    def _dictionary_rows(self, table: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """Examples [S, P] of the dictionary [K, m] for the S steps of an epoch."""
        length = self.context.length.steps_per_epoch
        size = self.options.queue_bs * self.context.length.replicas
        steps = tf.cast(epoch * length + tf.range(length), tf.int64)
        return tf.map_fn(
            lambda step: order.class_by_class(table, step, size, self.context.seed),
            steps,
            fn_output_signature=tf.int32,
        )

    def on_epoch(
        self, epoch: int, variables: Mapping[str, tf.Variable], predict: Predict
    ) -> Mapping[str, float]:
        """Make a new dictionary of the examples with the lowest scores in each class."""
        chosen = self._choose(variables["score"].numpy())
        variables["dictionary"].assign(chosen)
        purity = self.context.examples.purity(chosen)
        return {} if purity is None else {"dictionary_purity": purity}

    def by_length(self) -> str | None:
        """In short runs the default start of the weights follows the length."""
        if self.options.meta_start_epoch is None and self._start < _START:
            return "`meta_start_epoch` is two fifths of the run by default, which is longer now"
        return None

    def too_short(self) -> str | None:
        """The start of the weights may lie beyond the end of the run."""
        return self.context.length.within("meta_start_epoch", self._start)

    def variant(self, step: int) -> Variant:
        """Kind of a step."""
        epoch, end = step // self.context.length.steps_per_epoch, self.options.meta_moving_end_epoch
        weighted = epoch >= self._start
        return Variant(weighted, not end or epoch < end, step % self.options.meta_interval == 0)

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = Σ w_i ce(q_i, f(x_i; θ)) + λ/B Σ ce(s_i, f(x_i; θ)).

        With MixUp the images x_i and labels q_i are mixed; the pseudo labels s_i are not.
        """
        assert isinstance(variant, Variant)
        images, targets = self._training_batch(batch, state)
        pseudo = self._pseudo_labels(batch, state)
        scalars, gradient, after = {}, None, None
        if variant.looks_ahead:
            meta, after = self._look_ahead(batch, state, images, targets)
            scalars, gradient = {"queue_loss": meta.outer_loss}, meta.gradient
        elif self.options.use_mixup:  # the only logits of images that are not mixed
            after = self._logits(batch, state, state.params)
        weights = self._weights(gradient, batch, state, variant)
        results = [x for x in (weights, after) if x is not None]
        with after_look_ahead(self.options, results), tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(state.params, state.network_state, images)
            losses = cross_entropy(targets, logits)
            loss = tf.reduce_sum(weights * losses)
            if self._pseudo is not None and variant.weighted:
                scalars["pseudo_loss"] = self._pseudo.weight * replicas.batch_mean(
                    cross_entropy(pseudo, logits)
                )
                loss += scalars["pseudo_loss"]
        if variant.looks_ahead:
            given = tf.one_hot(batch.label, self.context.num_classes)
            margins = tf.stop_gradient(losses - cross_entropy(given, after))
            self._score(batch, state, margins)
            clean, wrong = clean_and_wrong(batch)
            scalars["margin_clean"] = share_of_mean(margins, clean)
            scalars["margin_wrong"] = share_of_mean(margins, wrong)
        else:
            margins = tf.gather(state.variables["margin"], batch.index)
        self._run_logits(batch, state, logits)
        return StepOutput(
            gradients=self.gradient(tape, loss, state.params),
            network_state=network_state,
            loss=loss,
            # Logits of a mixed image belong to neither of its examples.
            logits=after if self.options.use_mixup else logits,
            scalars=scalars | weight_scalars(weights, batch),
            per_example={"weight": weights, "margin": margins},
        )

    def _training_batch(self, batch: Batch, state: StepState) -> tuple[tf.Tensor, tf.Tensor]:
        """Images and labels, mixed by MixUp, or else as they are with smoothed labels."""
        if not self.options.use_mixup:
            return batch.image, self._smoothed(batch.label)
        given = tf.one_hot(batch.label, self.context.num_classes)
        seed = keys.stateless_seed(self.context.seed, "mix", state.step)
        images, targets = mixup.mix_batch(seed, batch.image, given)
        return images, targets

    def _pseudo_labels(self, batch: Batch, state: StepState) -> tf.Tensor | None:
        """Pseudo labels [B, K], or None if they are not used.

        As released they are not mixed: an image mixed by MixUp has that of its first example.
        """
        if self._pseudo is None:
            return None
        running = tf.gather(state.variables["running_logits"], batch.index)
        return pseudo_labels(running, self._pseudo.temperature, replicas.global_mean)

    def _smoothed(self, labels: tf.Tensor) -> tf.Tensor:
        return label_smoothing(labels, self.context.num_classes, self.context.label_smoothing)

    def _look_ahead(
        self, batch: Batch, state: StepState, images: tf.Tensor, targets: tf.Tensor
    ) -> tuple[MetaGradient, tf.Tensor]:
        """Gradient of the dictionary loss in the weights ω, and logits of `batch.image` at θ'.

        ω starts at 1/B for every `meta_momentum`; the released code starts at 0 without momentum.
        """
        assert batch.probe is not None  # `plan` says so
        dictionary = batch.probe
        dictionary_targets = self._smoothed(dictionary.label)

        def predict(params: Tensors) -> tf.Tensor:
            return self.network(params, state.network_state, images)[0]

        def weighted_loss(logits: tf.Tensor, omega: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(omega * cross_entropy(targets, logits))

        def dictionary_loss(params: Tensors) -> tuple[tf.Tensor, tf.Tensor | None]:
            inputs, after = dictionary.image, None
            if self.options.fsr_joint_pass:
                inputs = tf.concat([dictionary.image, batch.image], axis=0)
            logits, _ = self.network(params, state.network_state, inputs)
            if self.options.fsr_joint_pass:
                logits, after = tf.split(logits, [dictionary.image.shape[0], -1])
            return replicas.batch_mean(cross_entropy(dictionary_targets, logits)), after

        inner = InnerProblem(
            predict,
            weighted_loss,
            stepsize=stepsize(self.options, state),
            decay=self.context.update.decay,
            momentum=self.options.meta_momentum,
            buffers=state.buffers,
            moving=self._moving,
            scale=self.context.loss_scale,
            apart=self.options.meta_low_memory,
        )
        scope = self.options.meta_scope
        with replicas.scope(scope):
            meta = meta_gradient(
                inner,
                dictionary_loss,
                state.params,
                replicas.equal_weights(batch.label),
                mode=self.options.meta_gradient,
                outer_decay=self.context.probe_decay,
            )
        meta = meta._replace(outer_loss=replicas.shares(meta.outer_loss, scope))
        after = meta.aux
        if after is None:
            after = self._logits(batch, state, meta.params)
        return meta, tf.stop_gradient(after)

    def _logits(self, batch: Batch, state: StepState, params: Tensors) -> tf.Tensor:
        """Logits [B, K] of images that are not mixed, without a gradient."""
        logits, _ = self.network(params, state.network_state, batch.image)
        return tf.stop_gradient(logits)

    def _weights(
        self, gradient: tf.Tensor | None, batch: Batch, state: StepState, variant: Variant
    ) -> tf.Tensor:
        """Weights [B]: equal at first, then from the look-ahead, or its moving averages by class.

        In a step without a look-ahead, weights from the last look-ahead of each example.
        """
        if not variant.weighted:
            return replicas.equal_weights(batch.label)
        gamma, averages = self.options.moving_weight_gamma, state.variables.get("class_weight")
        if gradient is None and not gamma:
            last = tf.gather(state.variables["weight"], batch.index)
            return normalized(last, self.options.meta_scope)
        if gradient is not None:
            weights = self._new_weights(gradient, batch, state)
            if not gamma:
                return weights
            if variant.moving:
                labels = replicas.gather(batch.label)
                new = gamma * tf.gather(averages, labels) + (1 - gamma) * replicas.gather(weights)
                replicas.scatter_update(averages, labels, new)
        return tf.gather(averages, batch.label)

    def _new_weights(self, gradient: tf.Tensor, batch: Batch, state: StepState) -> tf.Tensor:
        """Weights [B] from a look-ahead; with `meta_interval` > 1 they are remembered."""
        from_gradient = example_weights if self.options.clip_meta_weight else shifted_weights
        with replicas.scope(self.options.meta_scope):
            weights = from_gradient(replicas.gather(gradient))
            weights = tf.gather(weights, replicas.own_rows(batch.label.shape[0]))
        weights = replicas.shares(weights, self.options.meta_scope)
        if "weight" in state.variables:
            remember(state.variables["weight"], batch.index, relative(weights))
        return weights

    def _score(self, batch: Batch, state: StepState, margins: tf.Tensor) -> None:
        """Update scores by margins [B]."""
        index, variables = replicas.gather(batch.index), state.variables
        scores = tf.gather(variables["score"], index)
        scores = updated_scores(scores, replicas.gather(margins), self.options.queue_beta)
        replicas.scatter_update(variables["score"], index, scores)
        if "margin" in variables:
            remember(variables["margin"], batch.index, margins)

    def _run_logits(self, batch: Batch, state: StepState, logits: tf.Tensor) -> None:
        """Update running logits by logits [B, K], with MixUp those of the mixed images."""
        if self._pseudo is None:
            return
        memory, index = state.variables["running_logits"], replicas.gather(batch.index)
        logits = replicas.gather(tf.stop_gradient(logits))
        new = running_logits(tf.gather(memory, index), logits, self._pseudo.momentum)
        replicas.scatter_update(memory, index, new)

    def _choose(self, scores: np.ndarray) -> np.ndarray:
        return lowest_scores(
            scores,
            self.context.examples.given_labels,
            self.context.examples.train_indices,
            capacity=self._capacity,
            num_classes=self.context.num_classes,
        ).astype(np.int32)


def _parsed(text: str) -> PseudoLoss | None:
    if text == "none":
        return None
    try:
        return PseudoLoss.parse(text)
    except ValueError as error:
        raise InputError(str(error), option="use_pseudo_loss", value=text) from None


def _start(options: Options, context: Context) -> int:
    """First epoch (0-based) with the weights of the look-ahead."""
    if options.meta_start_epoch is not None:
        return options.meta_start_epoch
    length = context.length
    return min(_START, int(_START_SHARE * length.total_steps / length.steps_per_epoch))


def _capacity(options: Options, context: Context) -> int:
    """Size of the dictionary; logs a warning on classes smaller than their part of it.

    Raises:
      InputError: no dictionary can have that size, or a class has no example.
    """
    capacity, num_classes = options.queue_capacity, context.num_classes
    if capacity is None:
        capacity = min(_CAPACITY, max(num_classes, len(context.examples.train_indices) // 3))
    if not num_classes <= capacity <= len(context.examples.train_indices):
        raise InputError(
            f"must be at least one for each of {num_classes} classes and at most the "
            f"{len(context.examples.train_indices)} images to train on",
            option="queue_capacity",
            value=capacity,
        )
    labels = context.examples.given_labels[context.examples.train_indices]
    counts = np.bincount(labels, minlength=num_classes)
    if counts.min() == 0:
        raise InputError(
            f"no image to train on has the label {int(counts.argmin())}, so the dictionary of "
            "`method=fsr` cannot hold every class"
        )
    small = np.flatnonzero(counts < capacity // num_classes)
    if len(small):
        logging.getLogger("ieg").warning(
            "%d of %d classes have fewer than the %d images per class of the dictionary, which "
            "repeats theirs; a smaller `queue_capacity` avoids that",
            len(small),
            num_classes,
            capacity // num_classes,
        )
    return capacity
