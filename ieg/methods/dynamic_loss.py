"""Dynamic Loss: soft labels and class margins, learned on a meta set mined from the noisy data.

S. Jiang, J. Li, J. Zhang, Y. Wang and T. Xu, "Dynamic Loss for Robust Learning", TPAMI 45(12), 2023
(arXiv 2211.12506). Where paper and released code differ, this follows the code.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from ieg import keys, replicas
from ieg.data.pipeline import Batch, EpochPlan
from ieg.errors import InputError
from ieg.losses import cross_entropy, soft_targets
from ieg.meta import InnerProblem, MetaGradient, meta_gradient
from ieg.methods import REGISTRY, Context, Method, Needs, Predict, Record, StepOutput, StepState
from ieg.methods.dynamic import corrector, margins, perceptron, ranks, sampling
from ieg.methods.dynamic.phi import Phi, Tensors, read, start, update
from ieg.methods.lookahead import GradientOptions, probe_loss
from ieg.methods.monitoring import clean_and_wrong, share_of_mean
from ieg.options import option


@dataclass(frozen=True)
class Options(GradientOptions):
    """Options of Dynamic Loss."""

    dynamic_warmup_epochs: int = option(
        5, "epochs of plain training in which the label corrector is pre-trained", at_least=0
    )
    dynamic_pretraining_steps: int = option(
        2000,
        "steps of the warm-up after which pre-training of the label corrector ends; 0 suits runs "
        "of less than some thousand steps, as the certainty that it leads to goes away slowly",
        at_least=0,
    )
    dynamic_corrector: bool = option(True, "correct labels by a learned trust in each loss rank")
    dynamic_margin: bool = option(True, "learn a margin for each class")
    dynamic_finetune: bool = option(
        True, "end each epoch with a fine-tuning pass over the meta set, with the learned margins"
    )
    dynamic_ranks: int = option(
        100, "number of loss ranks that the label corrector distinguishes", at_least=2
    )
    dynamic_classwise: bool = option(
        True, "learn the trust in a loss rank for each class; false: for all classes together"
    )
    dynamic_activation: str = option(
        "relu",
        "activation function of the label corrector and the margin generator",
        choices=perceptron.ACTIVATIONS,
    )
    dynamic_width: int = option(
        64, "hidden units of the label corrector and the margin generator", above=0
    )
    dynamic_learning_rate: float = option(
        3e-3, "learning rate (Adam) of the label corrector and the margin generator", above=0
    )
    dynamic_random_ratio: float = option(
        0.5,
        "training examples drawn of each class for the meta set, as a share of the size of the "
        "smallest class",
        above=0,
        at_most=1,
    )
    dynamic_low_loss_ratio: float = option(
        0.5, "share of the examples drawn for the meta set that is kept", above=0, at_most=1
    )
    dynamic_selection: str = option(
        "low_loss",
        "examples drawn for the meta set that are kept: low_loss (those with the lowest losses), "
        "or random (for clean labels)",
        choices=("low_loss", "random"),
    )
    dynamic_meta_epochs: int = option(
        1, "epochs from one draw of the meta set to the next", above=0
    )


class Variant(NamedTuple):
    """Kind of a step: phase "warmup", "meta" or "finetune"; True to pre-train the corrector."""

    phase: str
    pretrain: bool = False


@REGISTRY.register("dynamic_loss")
class DynamicLoss(Method):
    """Learns trust in given labels and class margins, on a meta set that it mines itself.

    After the warm-up an epoch consists of meta steps and one fine-tuning pass over the meta set,
    together as many steps as in any epoch. The few images that fill no batch wait for the next one.
    """

    Options = Options
    # The released configuration, one for all three noise levels and long tails.
    defaults: ClassVar[Mapping[str, Any]] = {
        "network_name": "resnet32_skip",
        "max_epoch": 325,
        "batch_size": 512,
        "lr_schedule": "cosine_epoch",
        "warmup_epochs": 5.0,
        "aug_type": "autoaug25",
        "use_ema": False,
    }
    # The head is good from the first step on, so there is nothing to warm up. It learns at a
    # hundredth of the rate of networks, and the margins, which Adam moves as fast as ever, run away
    # from it (docs/photos.md).
    on_features: ClassVar[Mapping[str, Any]] = {
        "dynamic_warmup_epochs": 0,
        "dynamic_pretraining_steps": 0,
        "dynamic_margin": False,
    }
    # The virtual step repeats the real one on a single batch, and the method selects its batches.
    requires: ClassVar[Mapping[str, Any]] = {
        "accumulation_steps": 1,
        "sampler": None,
        "classes_per_batch": 0,
    }
    needs = Needs(strong=True, plain=True, strong_probe=True)
    per_example = ("trust",)

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        if context.label_smoothing:
            raise InputError(
                "is not for `method=dynamic_loss`, which learns soft labels; leave it out",
                option="label_smoothing",
            )
        labels = context.examples.given_labels[context.examples.train_indices]
        self._labels = labels
        self._sizes = sampling.level_sizes(
            labels, options.dynamic_random_ratio, options.dynamic_low_loss_ratio
        )
        self._finetune_steps = self._count_finetune_steps()
        _warn_of_small_classes(np.bincount(labels, minlength=context.num_classes), self._sizes)

    @property
    def _meta_size(self) -> int:
        return self._sizes.kept * len(np.unique(self._labels))

    def _count_finetune_steps(self) -> int:
        context, size = self.context, self._meta_size
        steps = 0
        if self.options.dynamic_finetune:
            steps = sampling.finetune_steps(size, context.length.batch_size)
        if steps >= context.length.steps_per_epoch or size >= len(self._labels):
            raise InputError(
                f"the meta set of `method=dynamic_loss` has {size} of {len(self._labels)} images "
                f"to train on; in batches of {context.length.batch_size} it leaves no step of an "
                "epoch to the others; choose a smaller `batch_size` or `dynamic_random_ratio`"
            )
        return steps

    def init_state(self) -> dict[str, tf.Variable]:
        """Ranks [N], meta set [m], weights of the two small networks, and state of their Adam."""
        context, options = self.context, self.options
        values = {
            "rank": np.zeros(len(context.examples.given_labels), np.int32),
            "meta_set": np.zeros(self._meta_size, np.int32),
            **start(
                context.num_classes,
                ranks=options.dynamic_ranks,
                width=options.dynamic_width,
                classwise=options.dynamic_classwise,
                rng=keys.generator(context.seed, "corrector and margins"),
            ),
        }
        return {name: replicas.variable(value) for name, value in values.items()}

    def on_epoch(
        self, epoch: int, variables: Mapping[str, tf.Variable], predict: Predict
    ) -> Mapping[str, float]:
        """Rank all examples anew, and after the warm-up draw a new meta set."""
        context, options = self.context, self.options
        losses = ranks.cross_entropies(predict(context.examples.train_indices), self._labels)
        new = variables["rank"].numpy()
        new[context.examples.train_indices] = ranks.ranks_in_class(
            losses, self._labels, options.dynamic_ranks
        )
        variables["rank"].assign(new)
        since = epoch - options.dynamic_warmup_epochs
        if since < 0:
            return {}
        if since % options.dynamic_meta_epochs == 0:
            variables["meta_set"].assign(self._new_meta_set(epoch, losses))
        purity = context.examples.purity(variables["meta_set"].numpy())
        return {} if purity is None else {"meta_purity": purity}

    def plan(self, epoch: int, variables: Mapping[str, tf.Variable]) -> EpochPlan:
        """All examples in the warm-up; later those outside the meta set, then the meta set."""
        if epoch < self.options.dynamic_warmup_epochs:
            return EpochPlan()
        context, meta = self.context, variables["meta_set"].numpy()
        shared = min(context.length.batch_size, len(meta)) // context.length.replicas
        return sampling.epoch_plan(
            np.setdiff1d(context.examples.train_indices, meta),
            meta,
            meta_steps=context.length.steps_per_epoch - self._finetune_steps,
            finetune_steps=self._finetune_steps,
            batch_size=context.length.batch_size,
            meta_batch=max(1, shared) * context.length.replicas,
            rng=keys.generator(context.seed, f"order of epoch {epoch}"),
        )

    def too_short(self) -> str | None:
        """The warm-up may be longer than the run."""
        epochs = self.options.dynamic_warmup_epochs
        return self.context.length.within("dynamic_warmup_epochs", epochs)

    def variant(self, step: int) -> Variant:
        """Phase of the run and of the epoch that a step belongs to."""
        epoch, within = divmod(step, self.context.length.steps_per_epoch)
        if epoch < self.options.dynamic_warmup_epochs:
            early = step < self.options.dynamic_pretraining_steps
            return Variant("warmup", self.options.dynamic_corrector and early)
        last = within >= self.context.length.steps_per_epoch - self._finetune_steps
        return Variant("finetune" if last else "meta")

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = mean ce(y~, f(strong x) + q), with corrected labels y~ and margins q.

        y~ = y outside the meta phase, q = 0 in the warm-up.
        """
        assert isinstance(variant, Variant)
        if variant.phase == "warmup":
            return self._warm_up(batch, state, pretrain=variant.pretrain)
        if variant.phase == "finetune":
            return self._fine_tune(batch, state)
        return self._meta_step(batch, state)

    def trust_table(self, variables: Mapping[str, tf.Variable]) -> np.ndarray:
        """Trust g [R, K] in (0, 1) in a given label, by loss rank and class."""
        weights = read(variables, "corrector")
        table = corrector.trust_table(weights, self.options.dynamic_activation)
        return np.broadcast_to(table, [table.shape[0], self.context.num_classes])

    def class_margins(self, variables: Mapping[str, tf.Variable]) -> np.ndarray:
        """Margins q [K]; only their differences matter."""
        return np.asarray(
            margins.margins(read(variables, "margin"), self.options.dynamic_activation)
        )

    def draw(self, record: Record, folder: Path) -> list[Path]:
        """Draw trust by loss rank and class, and margins, for the parts that are switched on."""
        from ieg.methods.dynamic import figures  # loads matplotlib, which takes a second

        paths = []
        if self.options.dynamic_corrector:
            paths.append(folder / f"rank_weights.{record.figure_format}")
            figures.rank_weights(
                self.trust_table(record.variables),
                self._used_ranks(record.variables["rank"].numpy()),
                record.class_names,
                paths[-1],
                clean_share=None if record.noise_rate is None else 1 - record.noise_rate,
                measured=self._right_shares(),
                title=record.title,
            )
        if self.options.dynamic_margin:
            paths.append(folder / f"margins.{record.figure_format}")
            values = self.class_margins(record.variables)
            figures.class_margins(values, record.class_names, paths[-1], title=record.title)
        return paths

    def _used_ranks(self, rank: np.ndarray) -> np.ndarray:
        """Mask [R, K] of the pairs of rank and label that occur."""
        used = np.zeros([self.options.dynamic_ranks, self.context.num_classes], bool)
        used[rank[self.context.examples.train_indices], self._labels] = True
        return used

    def _right_shares(self) -> np.ndarray | None:
        """Share of right labels for each given label [K], 1 for one that no example has.

        None if a true label is unknown.
        """
        true = self.context.examples.true_labels[self.context.examples.train_indices]
        if (true < 0).any():
            return None
        count = self.context.num_classes
        right = np.bincount(self._labels[true == self._labels], minlength=count)
        given = np.bincount(self._labels, minlength=count)
        return np.divide(right, given, out=np.ones(count), where=given > 0)

    def _warm_up(self, batch: Batch, state: StepState, *, pretrain: bool) -> StepOutput:
        """Plain training on the strong view; the corrector is pre-trained on the weak view."""
        phi, given = self._phi(state), tf.one_hot(batch.label, self.context.num_classes)
        output = self._train(batch, state, given, self._trust(batch, state, phi))
        if not pretrain:
            return output
        weak, network_state = self.network(state.params, output.network_state, batch.image)
        guess = tf.stop_gradient(tf.nn.softmax(weak))
        with tf.GradientTape() as tape:
            tape.watch(phi.corrector)
            corrected = soft_targets(given, guess, self._trust(batch, state, phi))
            loss = replicas.batch_mean(corrector.pretraining_loss(corrected, batch.label))
        update(
            state.variables,
            phi,
            Phi(tape.gradient(loss, phi.corrector), []),
            self.options.dynamic_learning_rate,
        )
        scalars = {**output.scalars, "corrector_loss": loss}
        return output._replace(network_state=network_state, logits=weak, scalars=scalars)

    def _fine_tune(self, batch: Batch, state: StepState) -> StepOutput:
        """Training on the given labels of the meta set, with constant margins."""
        phi, given = self._phi(state), tf.one_hot(batch.label, self.context.num_classes)
        return self._train(batch, state, given, self._trust(batch, state, phi), self._margin(phi))

    def _meta_step(self, batch: Batch, state: StepState) -> StepOutput:
        """Update φ by the meta-gradient, then θ by the loss with the new φ."""
        given = tf.one_hot(batch.label, self.context.num_classes)
        weak, _ = self.network(state.params, state.network_state, batch.image)
        weak = tf.stop_gradient(weak)
        phi, scalars = self._phi(state), {}
        if phi.corrector or phi.margin:
            meta = self._look_ahead(
                batch, state, phi, self._sampled_labels(weak, "draw before", state.step)
            )
            phi = update(state.variables, phi, meta.gradient, self.options.dynamic_learning_rate)
            scalars = {"meta_loss": meta.outer_loss, "meta_accuracy": meta.aux}
        trust = self._trust(batch, state, phi)
        targets = soft_targets(given, self._sampled_labels(weak, "draw after", state.step), trust)
        output = self._train(batch, state, targets, trust, self._margin(phi))
        right = tf.argmax(targets, axis=1, output_type=tf.int32) == batch.true_label
        known = sum(clean_and_wrong(batch))
        scalars["corrected_right"] = share_of_mean(tf.cast(right, tf.float32), known)
        return output._replace(logits=weak, scalars={**output.scalars, **scalars})

    def _look_ahead(
        self, batch: Batch, state: StepState, phi: Phi, drawn: tf.Tensor
    ) -> MetaGradient:
        """Gradient of the meta loss in φ, through a virtual step like the real one.

        It has the learning rate, momentum buffers and weight decay of the real step.
        """
        assert batch.probe is not None  # `plan` says so
        given = tf.one_hot(batch.label, self.context.num_classes)

        def predict(params: Tensors) -> tf.Tensor:
            return self.network(params, state.network_state, batch.image)[0]

        def inner_loss(logits: tf.Tensor, phi: Phi) -> tf.Tensor:
            targets = soft_targets(given, drawn, self._trust(batch, state, phi))
            return replicas.batch_mean(cross_entropy(targets, logits + self._margin(phi)))

        inner = InnerProblem(
            predict,
            inner_loss,
            stepsize=state.learning_rate,
            decay=self.context.update.decay,
            momentum=self.context.update.momentum,
            buffers=state.buffers,
            scale=self.context.loss_scale,
        )
        scope, mode = self.options.meta_scope, self.options.meta_gradient
        with replicas.scope(scope):
            outer = probe_loss(self, state.network_state, batch.probe)
            meta = meta_gradient(inner, outer, state.params, phi, mode=mode)
        found = replicas.shares((meta.gradient, meta.outer_loss, meta.aux), scope)
        return MetaGradient(found[0], meta.params, *found[1:])

    def _train(
        self,
        batch: Batch,
        state: StepState,
        targets: tf.Tensor,
        trust: tf.Tensor,
        margin: tf.Tensor | None = None,
    ) -> StepOutput:
        """Step of the network: mean ce(targets, f(strong x) + margin)."""
        with tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(
                state.params, state.network_state, batch.strong_image
            )
            shifted = logits if margin is None else logits + margin
            loss = replicas.batch_mean(cross_entropy(targets, shifted))
        clean, wrong = clean_and_wrong(batch)
        return StepOutput(
            gradients=self.gradient(tape, loss, state.params),
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars={
                "trust_clean": share_of_mean(trust, clean),
                "trust_wrong": share_of_mean(trust, wrong),
            },
            per_example={"trust": trust},
        )

    def _phi(self, state: StepState) -> Phi:
        """Weights φ before the step, for the parts that are switched on."""
        return Phi(
            read(state.variables, "corrector") if self.options.dynamic_corrector else [],
            read(state.variables, "margin") if self.options.dynamic_margin else [],
        )

    def _trust(self, batch: Batch, state: StepState, phi: Phi) -> tf.Tensor:
        """Trust [B] in the given labels; 1 without a corrector."""
        if not phi.corrector:
            return tf.ones_like(batch.label, tf.float32)
        table = corrector.trust_table(phi.corrector, self.options.dynamic_activation)
        places = tf.gather(state.variables["rank"], batch.index)
        return corrector.trust_of(table, places, batch.label)

    def _margin(self, phi: Phi) -> tf.Tensor:
        """Margins q [K]; 0 without a margin generator."""
        if not phi.margin:
            return tf.zeros([self.context.num_classes])
        return margins.margins(phi.margin, self.options.dynamic_activation)

    def _sampled_labels(self, logits: tf.Tensor, purpose: str, step: tf.Tensor) -> tf.Tensor:
        """One-hot labels [B, K] sampled from the softmax, by row of the global batch."""
        size, num_classes = logits.shape
        seed = keys.stateless_seed(self.context.seed, purpose, step)
        uniform = tf.random.stateless_uniform([size * replicas.count()], seed)
        mine = tf.gather(uniform, replicas.own_rows(size))
        return tf.one_hot(corrector.draw_labels(logits, mine), num_classes)

    def _new_meta_set(self, epoch: int, losses: np.ndarray) -> np.ndarray:
        """Examples [m] of a new meta set: the lowest losses in a random part of each class."""
        rng = keys.generator(self.context.seed, f"meta set of epoch {epoch}")
        primary = sampling.random_level(self._labels, self._sizes.drawn, rng)
        if self.options.dynamic_selection == "random":
            losses = rng.random(len(losses))
        chosen = sampling.low_loss_level(primary, losses, self._sizes.kept)
        return self.context.examples.train_indices[chosen.ravel()].astype(np.int32)


def _warn_of_small_classes(counts: np.ndarray, sizes: sampling.LevelSizes) -> None:
    """Log a warning on empty classes, and on a meta set of a single image per class."""
    empty = np.flatnonzero(counts == 0)
    log = logging.getLogger("ieg")
    if len(empty):
        log.warning(
            "no image to train on has the label %s, so none of the meta set of dynamic_loss has",
            ", ".join(map(str, empty)),
        )
    if sizes.kept == 1:
        log.warning(
            "the smallest class has %d images, so the meta set of dynamic_loss has only one image "
            "per class (dynamic_random_ratio, dynamic_low_loss_ratio)",
            sizes.smallest,
        )
