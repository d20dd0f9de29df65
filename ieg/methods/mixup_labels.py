"""Meta-learned labels: a look-ahead on clean data sets how given and predicted label are mixed.

From the ISIC-2019 experiments of the public repository Cute77/learning-to-reweight-examples; there
is no paper. Where its description and its code differ, this follows the description, and options
give the behavior of the code. Labels are mixed, not images: this is not MixUp.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch
from ieg.errors import InputError
from ieg.losses import cross_entropy, mixed_index, mixed_label, soft_targets
from ieg.meta import example_weights, label_trust, standardized
from ieg.methods import REGISTRY, Context, Method, Needs, StepOutput, StepState
from ieg.methods.lookahead import (
    LookaheadOptions,
    after_look_ahead,
    gradient_of_weights,
    normalized,
    relative,
    remember,
)
from ieg.methods.monitoring import clean_and_wrong, share_of_mean
from ieg.networks import parts, pretrained
from ieg.networks.frozen import Frozen
from ieg.options import option

LABELS, PROPOSAL, UPPER_BOUND = "labels", "proposal", "upper_bound"


@dataclass(frozen=True)
class Options(LookaheadOptions):
    """Options of meta-learned labels."""

    mixup_variant: str = option(
        LABELS,
        "quantity that is learned: labels; proposal (labels and example weights in turn); or "
        "upper_bound (weights alone, with the labels of a clean network on examples known to be "
        "wrong)",
        choices=(LABELS, PROPOSAL, UPPER_BOUND),
    )
    mixup_target: str = option(
        "hard",
        "label mixed with the given one: the predicted class (hard) or a running average of "
        "predictions (soft); for the upper bound: class or distribution of the clean network",
        choices=("hard", "soft"),
    )
    mixup_hard_mode: str = option(
        "onehot",
        "form of hard labels in the mixture: one-hot vectors (onehot), or class numbers, as "
        "released (index)",
        choices=("onehot", "index"),
    )
    mixup_stale: str = option(
        "memory",
        "for --mixup_variant=proposal: stand-in for the half that a step does not compute: memory "
        "(the last value of the same example), position (the value at the same place of the "
        "previous batch, as released), or none (each step computes both halves)",
        choices=("memory", "position", "none"),
    )
    mixup_g_scale: str = option(
        "none",
        "scaling of the meta-gradient: none, or std (to mean 0 and standard deviation 1 over the "
        "batch, an extension)",
        choices=("none", "std"),
    )
    mixup_clean_ckpt: str | None = option(
        None,
        "for --mixup_variant=upper_bound: run folder or checkpoint of a network trained on clean "
        "labels",
    )


class Variant(NamedTuple):
    """Quantities that a step computes anew: example weights, trust in given labels, or both."""

    weight: bool
    trust: bool


@REGISTRY.register("mixup_labels")
class MixupLabels(Method):
    """Mixes given and predicted label by a trust that a look-ahead on clean images gives."""

    Options = Options
    defaults: ClassVar[Mapping[str, Any]] = {"clip_norm": 0.25}
    requires: ClassVar[Mapping[str, Any]] = {"label_smoothing": 0.0}  # it learns soft labels
    needs = Needs(probe=True)
    per_example = ("trust", "weight")
    curves: ClassVar = {
        "Trust in the given label": {"trust_clean": "clean label", "trust_wrong": "wrong label"},
        "Example weights": {"weight_clean": "clean label", "weight_wrong": "wrong label"},
        "Images with a wrong label: true class is": {
            "prediction_recovered": "the predicted one",
            "target_recovered": "the largest of the target",
        },
        "Look-ahead on probe images": {"probe_accuracy": "top-1 accuracy"},
        "Gradient before clipping": {"gradient_norm": "global norm"},
    }

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        _check(options, context)
        self._moving = parts.lookahead_variables(context.model, options.meta_partial_level)
        self._clean = Frozen(context.model, "clean")
        # Read here: an error in `init_state` would leave the other workers waiting.
        self._clean_weights = None
        if options.mixup_variant == UPPER_BOUND:
            self._clean_weights = _clean_weights(context, options.mixup_clean_ckpt)

    @property
    def _remembers_labels(self) -> bool:
        return self.options.mixup_target == "soft" and self.options.mixup_variant != UPPER_BOUND

    def init_state(self) -> dict[str, tf.Variable]:
        """Soft labels [N, K], trust and weights [N] or [B], and the clean network, where used.

        Checkpoints contain the clean network, so a resumed run has the same.
        """
        context, options = self.context, self.options
        values = {}
        if self._remembers_labels:
            values["soft_label"] = tf.one_hot(context.examples.given_labels, context.num_classes)
        if options.mixup_variant == PROPOSAL and options.mixup_stale != "none":
            by_example = options.mixup_stale == "memory"
            size = len(context.examples.given_labels) if by_example else context.length.batch_size
            values |= {"trust": tf.ones([size]), "weight": tf.ones([size])}
        if self._clean_weights is not None:
            values |= self._clean.named(self._clean_weights)
        return {name: replicas.variable(value) for name, value in values.items()}

    def variant(self, step: int) -> Variant:
        """Quantities to compute; the proposal alternates, with weights first in each epoch."""
        if self.options.mixup_variant == LABELS:
            return Variant(weight=False, trust=True)
        if self.options.mixup_variant == UPPER_BOUND:
            return Variant(weight=True, trust=False)
        if self.options.mixup_stale == "none":
            return Variant(weight=True, trust=True)
        even = step % self.context.length.steps_per_epoch % 2 == 0
        return Variant(weight=even, trust=not even)

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = Σ w_i ce(q_i, f(x_i; θ)); learned weights sum to one, otherwise w_i = 1."""
        assert isinstance(variant, Variant)
        given = tf.one_hot(batch.label, self.context.num_classes)
        scope = self.options.meta_scope
        with replicas.scope(scope):
            meta = gradient_of_weights(
                self, batch, state, given, moving=self._moving, probe_decay=None
            )
        learned = self._learned(meta.gradient, batch, state, variant)
        weights = learned.get("weight", tf.ones_like(meta.gradient))
        with after_look_ahead(self.options, learned), tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(state.params, state.network_state, batch.image)
            targets = tf.stop_gradient(self._targets(batch, state, logits, learned.get("trust")))
            loss = tf.reduce_sum(weights * cross_entropy(targets, logits))
        if self._remembers_labels:
            remember(state.variables["soft_label"], batch.index, targets)
        scalars = {"probe_loss": meta.outer_loss, "probe_accuracy": meta.aux}
        scalars = replicas.shares(scalars, scope)
        unknown = tf.fill(tf.shape(weights), math.nan)
        return StepOutput(
            gradients=self.gradient(tape, loss, state.params),
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars=scalars | _learned_scalars(learned, batch) | _recovered(batch, logits, targets),
            per_example={name: learned.get(name, unknown) for name in self.per_example},
        )

    def _learned(
        self, gradient: tf.Tensor, batch: Batch, state: StepState, anew: Variant
    ) -> dict[str, tf.Tensor]:
        """Trust β and weights w, [B] each, if the variant has them: new or remembered ones.

        Weights are remembered as multiples of the batch mean, so an image without one counts as
        much as the average.
        """
        scope, found = self.options.meta_scope, {}
        with replicas.scope(scope):
            if self.options.mixup_g_scale == "std":
                gradient = standardized(gradient, replicas.global_mean)
            if anew.trust:
                found["trust"] = label_trust(gradient)
            if anew.weight:
                found["weight"] = relative(example_weights(gradient, "sigmoid", replicas.total))
        rows = batch.index
        if self.options.mixup_stale == "position":
            rows = replicas.own_rows(rows.shape[0])
        for name in ("trust", "weight"):
            if name in state.variables and name in found:
                remember(state.variables[name], rows, found[name])
            elif name in state.variables:
                found[name] = tf.gather(state.variables[name], rows)
        if "weight" in found:
            found["weight"] = normalized(found["weight"], scope)
        return found

    def _targets(
        self, batch: Batch, state: StepState, logits: tf.Tensor, trust: tf.Tensor | None
    ) -> tf.Tensor:
        """Targets q [B, K]: given and predicted label mixed, or labels of the clean network."""
        if trust is None:
            return self._clean_targets(batch, state)
        if self._remembers_labels:
            before = tf.gather(state.variables["soft_label"], batch.index)
            return soft_targets(before, tf.nn.softmax(logits), trust)
        mixed = mixed_index if self.options.mixup_hard_mode == "index" else mixed_label
        return mixed(batch.label, logits, trust)

    def _clean_targets(self, batch: Batch, state: StepState) -> tf.Tensor:
        """Given label where it is right, otherwise the prediction of the clean network."""
        logits = self._clean.logits(batch.image, state.variables, state.network_state)
        guess = tf.nn.softmax(logits)
        if self.options.mixup_target == "hard":
            guess = tf.one_hot(tf.argmax(logits, axis=1), self.context.num_classes)
        wrong = batch.label != batch.true_label
        given = tf.one_hot(batch.label, self.context.num_classes)
        return tf.where(wrong[:, tf.newaxis], guess, given)


def _learned_scalars(learned: Mapping[str, tf.Tensor], batch: Batch) -> dict[str, tf.Tensor]:
    """Means over right and wrong labels, and the standard deviation of the trust.

    With hardly any deviation the method does little more than a fixed mixture.
    """
    clean, wrong = clean_and_wrong(batch)
    scalars = {}
    for name, values in learned.items():
        scalars[f"{name}_clean"] = share_of_mean(values, clean)
        scalars[f"{name}_wrong"] = share_of_mean(values, wrong)
    if "trust" in learned:
        apart = learned["trust"] - replicas.global_mean(learned["trust"])
        spread = tf.sqrt(replicas.global_mean(tf.square(apart)))
        scalars["trust_std"] = spread / replicas.count()
    return scalars


def _recovered(batch: Batch, logits: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    """Shares of the images with a wrong label whose prediction, or target, is the true class."""
    _, wrong = clean_and_wrong(batch)
    scalars = {}
    for name, values in (("prediction", logits), ("target", targets)):
        right = tf.argmax(values, axis=1, output_type=tf.int32) == batch.true_label
        scalars[f"{name}_recovered"] = share_of_mean(tf.cast(right, tf.float32), wrong)
    return scalars


def _clean_weights(context: Context, path: str) -> list[np.ndarray]:
    """Weights and moving statistics of the clean network.

    Raises:
      InputError: there is no checkpoint, or it has another network or other classes.
    """
    values = pretrained.read(context.model, path, "mixup_clean_ckpt")
    for variable, value in zip(parts.values_of(context.model), values, strict=True):
        if tuple(variable.shape) != value.shape:
            raise InputError(
                f"must be of a network for the same {context.num_classes} classes",
                option="mixup_clean_ckpt",
                value=path,
            )
    return values


def _check(options: Options, context: Context) -> None:
    """Check that options go together.

    Raises:
      InputError: they do not, or the upper bound lacks true labels or a clean network.
    """
    variant = options.mixup_variant
    if options.mixup_hard_mode == "index" and (
        options.mixup_target == "soft" or variant == UPPER_BOUND
    ):
        raise InputError(
            "mixes a given with a predicted class, so it goes only with `mixup_target=hard`, and "
            "not with `mixup_variant=upper_bound`",
            option="mixup_hard_mode",
            value="index",
        )
    if options.mixup_stale != "memory" and variant != PROPOSAL:
        raise InputError(
            "goes only with `mixup_variant=proposal`",
            option="mixup_stale",
            value=options.mixup_stale,
        )
    if variant != UPPER_BOUND:
        if options.mixup_clean_ckpt is not None:
            raise InputError(
                "goes only with `mixup_variant=upper_bound`", option="mixup_clean_ckpt"
            )
        return
    if options.mixup_clean_ckpt is None:
        raise InputError(
            "needs a network trained on clean labels: train one with `method=supervised` and give "
            "its run folder as `mixup_clean_ckpt`",
            option="mixup_variant",
            value=UPPER_BOUND,
        )
    unknown = int(np.sum(context.examples.true_labels[context.examples.train_indices] < 0))
    if unknown:
        raise InputError(
            f"needs all true labels, and those of {unknown} of "
            f"{len(context.examples.train_indices)} images to train on are unknown",
            option="mixup_variant",
            value=UPPER_BOUND,
        )
