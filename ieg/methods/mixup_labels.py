"""Meta-learned labels: given and predicted label mixed as a look-ahead on clean data says.

From the ISIC-2019 experiments of a public repository on learning to reweight; there is no paper.
Where its description and its code differ this follows the description; what its code does instead
is there by option. The prediction is mixed into the label, and no image into another: MixUp of
images is another thing.
"""

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
    clean_and_wrong,
    gradient_of_weights,
    normalised,
    relative,
    remember,
    share_of_mean,
)
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
    """What a step computes anew: example weights, trust in the given labels, or both."""

    weight: bool
    trust: bool


@REGISTRY.register("mixup_labels")
class MixupLabels(Method):
    """Trusts a given label as far as a look-ahead on clean images says, and else the network."""

    Options = Options
    defaults: ClassVar[Mapping[str, Any]] = {"clip_norm": 0.25}
    requires: ClassVar[Mapping[str, Any]] = {"label_smoothing": 0.0}  # it makes soft labels itself
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
        # Read here already: where several workers make variables, all must do it.
        self._clean_weights = None
        if options.mixup_variant == UPPER_BOUND:
            self._clean_weights = _clean_weights(context, options.mixup_clean_ckpt)

    @property
    def _remembers_labels(self) -> bool:
        return self.options.mixup_target == "soft" and self.options.mixup_variant != UPPER_BOUND

    def init_state(self) -> dict[str, tf.Variable]:
        """Soft labels [N, K], trust and weight [N] or [B], the clean network: what is used of it.

        The clean network is a part of the checkpoint, so that a run which goes on has the same.
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
        keep = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        return {name: tf.Variable(value, **keep) for name, value in values.items()}

    def variant(self, step: int) -> Variant:
        """The proposal computes weights in the first step of an epoch, then trust, and so on."""
        if self.options.mixup_variant == LABELS:
            return Variant(weight=False, trust=True)
        if self.options.mixup_variant == UPPER_BOUND:
            return Variant(weight=True, trust=False)
        if self.options.mixup_stale == "none":
            return Variant(weight=True, trust=True)
        even = step % self.context.length.steps_per_epoch % 2 == 0
        return Variant(weight=even, trust=not even)

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = Σ w_i ce(q_i, f(x_i; θ)); w_i is 1 where none are learned, else they sum to one."""
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
        """[B] trust β and weight w, as far as the variant has them: new ones, or those kept.

        What is kept of a weight is how it compares with the mean of its batch, so that an image
        that never had one counts as much as the average.
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
            found["weight"] = normalised(found["weight"], scope)
        return found

    def _targets(
        self, batch: Batch, state: StepState, logits: tf.Tensor, trust: tf.Tensor | None
    ) -> tf.Tensor:
        """[B, K] distributions q: given and predicted label, or what the clean network says."""
        if trust is None:
            return self._clean_targets(batch, state)
        if self._remembers_labels:
            before = tf.gather(state.variables["soft_label"], batch.index)
            return soft_targets(before, tf.nn.softmax(logits), trust)
        mixed = mixed_index if self.options.mixup_hard_mode == "index" else mixed_label
        return mixed(batch.label, logits, trust)

    def _clean_targets(self, batch: Batch, state: StepState) -> tf.Tensor:
        """The given label where it is right, else what the clean network predicts."""
        logits = self._clean.logits(batch.image, state.variables, state.network_state)
        guess = tf.nn.softmax(logits)
        if self.options.mixup_target == "hard":
            guess = tf.one_hot(tf.argmax(logits, axis=1), self.context.num_classes)
        wrong = batch.label != batch.true_label
        given = tf.one_hot(batch.label, self.context.num_classes)
        return tf.where(wrong[:, tf.newaxis], guess, given)


def _learned_scalars(learned: Mapping[str, tf.Tensor], batch: Batch) -> dict[str, tf.Tensor]:
    """Means over images with a right and with a wrong label, and the spread of the trust.

    A trust of hardly any spread says that the method does little beyond a fixed mixture.
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
    """Of images with a wrong label, shares whose prediction and whose target is the true class."""
    _, wrong = clean_and_wrong(batch)
    scalars = {}
    for name, values in (("prediction", logits), ("target", targets)):
        right = tf.argmax(values, axis=1, output_type=tf.int32) == batch.true_label
        scalars[f"{name}_recovered"] = share_of_mean(tf.cast(right, tf.float32), wrong)
    return scalars


def _clean_weights(context: Context, path: str) -> list[np.ndarray]:
    """What the clean network consists of.

    Raises:
      InputError: no checkpoint there, or of another network or other classes.
    """
    values = pretrained.read(context.model, path, "mixup_clean_ckpt")
    for variable, value in zip(parts.values_of(context.model), values, strict=True):
        if tuple(variable.shape) != value.shape:
            raise InputError(
                f"--mixup_clean_ckpt={path}: that network does not tell the same "
                f"{context.num_classes} classes apart"
            )
    return values


def _check(options: Options, context: Context) -> None:
    """Refuses options that do not go together.

    Raises:
      InputError: they do not, or the upper bound lacks what it is made of.
    """
    variant = options.mixup_variant
    if options.mixup_hard_mode == "index" and (
        options.mixup_target == "soft" or variant == UPPER_BOUND
    ):
        raise InputError(
            "--mixup_hard_mode=index mixes a given with a predicted class: it goes with "
            "--mixup_target=hard, and not with --mixup_variant=upper_bound"
        )
    if options.mixup_stale != "memory" and variant != PROPOSAL:
        raise InputError(
            f"--mixup_stale={options.mixup_stale} goes with --mixup_variant=proposal alone"
        )
    if variant != UPPER_BOUND:
        if options.mixup_clean_ckpt is not None:
            raise InputError("--mixup_clean_ckpt goes with --mixup_variant=upper_bound alone")
        return
    if options.mixup_clean_ckpt is None:
        raise InputError(
            "--mixup_variant=upper_bound needs a network trained on clean labels: train one with "
            "--method=supervised and give its run folder as --mixup_clean_ckpt"
        )
    unknown = int(np.sum(context.examples.true_labels[context.examples.train_indices] < 0))
    if unknown:
        raise InputError(
            "--mixup_variant=upper_bound needs to know which labels are wrong, and of "
            f"{unknown} of {len(context.examples.train_indices)} images to train on nobody has said"
        )
