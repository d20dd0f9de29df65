"""DRO-LT: features for long tails, trained to lie near class centroids that are uncertain.

D. Samuel and G. Chechik, "Distributional Robustness Loss for Long-Tail Learning", ICCV 2021 (arXiv
2104.03066). Stage 1 is supervised training (`method=supervised`); this is stage 2, as in the
released code but without its errors. It has two phases: features are trained with a constant
classifier, then the classifier alone on constant features.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ieg import replicas, update
from ieg.data.pipeline import Batch
from ieg.errors import InputError
from ieg.evaluation import metrics, nearest_centroid
from ieg.losses import dro_lt_class_losses, dro_lt_mean
from ieg.methods import REGISTRY, Context, Method, Needs, Predict, StepOutput, StepState
from ieg.networks import parts
from ieg.options import option

#: Terms of `feat_loss` and `cls_loss`: name → (robust loss or cross entropy, class weights).
TERMS = {
    "ce": ("ce", "none"),
    "ce_bal": ("ce", "bal"),
    "ce_lt": ("ce", "lt"),
    "robust_loss": ("robust", "none"),
    "robust_loss_bal": ("robust", "bal"),
    "robust_loss_lt": ("robust", "lt"),
}

FEATURES, CLASSIFIER = "features", "classifier"  # phases


@dataclass(frozen=True)
class Options:
    """Options of DRO-LT."""

    balanced_clf_nepochs: int = option(
        20, "epochs at the end in which the classifier alone is trained", above=0
    )
    feat_loss: str = option(
        "ce_lt,robust_loss",
        "loss of the features, a comma-separated sum of ce and robust_loss, each plain, with _bal "
        "(small classes weigh more) or with _lt (large classes weigh more)",
    )
    cls_loss: str = option("ce", "loss of the classifier, with the terms of --feat_loss")
    cls_lr: float = option(
        0.01,
        "constant learning rate of the classifier; --learning_rate is that of the features",
        above=0,
    )
    dro_temperature: float = option(1.0, "temperature of the softmax in the robust loss", above=0)
    dro_margin: float = option(
        1.0, "initial margin of every class in the robust loss; the margins are learned"
    )
    dro_margin_decay: float = option(
        1e-4, "weight decay of the class margins in the robust loss", at_least=0
    )
    margin_constraint: str = option(
        "none",
        "constraint on the class margins in the robust loss: none (they may fall below zero, as "
        "published) or nonneg (negative margins are set to zero)",
        choices=("none", "nonneg"),
    )
    dro_view: str = option(
        "strong", "augmentation of the training images: strong or weak", choices=("strong", "weak")
    )
    dro_selection: str = option(
        "last",
        "features that the classifier is trained on: last, or best by nearest centroids on the "
        "images that accuracy is measured on, as published (those images are then no test set any "
        "more)",
        choices=("last", "best"),
    )


@REGISTRY.register("dro_lt")
class DROLT(Method):
    """Trains features by cross entropy and a robust loss, then the classifier (stage 2)."""

    Options = Options
    defaults: ClassVar[Mapping[str, Any]] = {
        "network_name": "resnet32_skip",
        "sampler": "class_aware",
        "learning_rate": 0.005,
        "lr_schedule": "constant",
        "l2_weight_decay": 1e-4,
        "batch_size": 128,
        "max_epoch": 100,
        "aug_type": "autoaug25",
        "nearest_centroid": True,
    }
    # A moving average of features would go on changing in the second phase, where features are
    # constant; and margins take a step with every batch.
    requires: ClassVar[Mapping[str, Any]] = {
        "use_ema": False,
        "accumulation_steps": 1,
        "fix_network_features": False,
    }
    needs = Needs(strong=True, weights=True)
    curves: ClassVar = {
        "Learned margins": {
            "margin_max": "largest",
            "margin_mean": "mean",
            "margin_min": "smallest",
        },
        "Nearest centroids, while features are chosen": {"ncm_accuracy": "balanced accuracy"},
    }

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self._terms = {
            FEATURES: _terms("feat_loss", options.feat_loss),
            CLASSIFIER: _terms("cls_loss", options.cls_loss),
        }
        if all(kind == "robust" for kind, _ in self._terms[CLASSIFIER].values()):
            raise InputError(
                "needs one of ce, ce_bal and ce_lt: the robust loss is one of features, which "
                "leaves the classifier as it is",
                option="cls_loss",
                value=options.cls_loss,
            )
        self._weights = _class_weights(context)
        self._network = parts.with_features(context.model)
        self._head = parts.lookahead_variables(context.model, 0)
        self._first_classifier_epoch = _first_classifier_epoch(options, context)

    def init_state(self) -> dict[str, tf.Variable]:
        """Margins [K], their momentum, centroids [K, D]; with selection also the best weights."""
        num_classes = self.context.num_classes
        width = parts.classifier(self.context.model).input.shape[-1]
        values = {
            "margin": tf.fill([num_classes], self.options.dro_margin),
            "margin_momentum": tf.zeros([num_classes]),
            "centroid": tf.zeros([num_classes, width]),
        }
        if self.options.dro_selection == "best":
            values["best_score"] = tf.constant(-1.0)
            for place, variable in enumerate(self._snapshot()):
                values[f"best_{place}"] = tf.convert_to_tensor(variable)
        return {name: replicas.variable(value) for name, value in values.items()}

    def by_length(self) -> str | None:
        """The classifier is trained in the last epochs of the run."""
        return "`method=dro_lt` trains the classifier in the last epochs, which are others now"

    def learning_rate(self, step: int, scheduled: float) -> float:
        """Scheduled learning rate for the features, `cls_lr` for the classifier."""
        return scheduled if self.variant(step) == FEATURES else float(self.options.cls_lr)

    def variant(self, step: int) -> str:
        """Phase of a step."""
        return self._phase(step // self.context.length.steps_per_epoch)

    def on_epoch(
        self, epoch: int, variables: Mapping[str, tf.Variable], predict: Predict
    ) -> Mapping[str, float]:
        """Compute centroids for the epoch; with selection, also score features and keep the best.

        A centroid is the mean feature of the images that the epoch trains on, drawn by its sampler
        and augmented.
        """
        logged = {}
        if self.options.dro_selection == "best" and 0 < epoch <= self._first_classifier_epoch:
            logged["ncm_accuracy"] = self._keep_the_best(variables, predict)
            if epoch == self._first_classifier_epoch:
                self._take_the_best(variables)
        if any(kind == "robust" for kind, _ in self._terms[self._phase(epoch)].values()):
            length, strong = self.context.length.steps_per_epoch, self.options.dro_view == "strong"
            first = epoch * length
            indices, features = predict.of_steps(first, first + length, "features", strong=strong)
            labels = self.context.examples.given_labels[indices]
            means = nearest_centroid.class_means(features, labels, self.context.num_classes)
            variables["centroid"].assign(means.astype(np.float32))
        margins = variables["margin"].numpy()
        return logged | {
            "margin_min": float(margins.min()),
            "margin_mean": float(margins.mean()),
            "margin_max": float(margins.max()),
        }

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """Sum of the terms of the phase; it moves features, or the classifier alone."""
        assert isinstance(variant, str)
        places = range(len(state.params))
        moving = [j for j in places if (j in self._head) == (variant == CLASSIFIER)]
        margins = tf.convert_to_tensor(state.variables["margin"])
        images = batch.strong_image if self.options.dro_view == "strong" else batch.image
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            watched = [state.params[j] for j in moving]
            tape.watch([watched, margins])
            (logits, features), network_state = self._network.stateless_call(
                state.params, state.network_state, images, training=variant == FEATURES
            )
            scalars = {
                name: self._term(term, (logits, features), margins, batch, state)
                for name, term in self._terms[variant].items()
            }
            loss = tf.add_n(list(scalars.values()))
        gradients, margin_gradient = self.gradient(tape, loss, (watched, margins))
        if margin_gradient is not None:
            self._move_margins(margins, margin_gradient, state)
        found = dict(zip(moving, gradients, strict=True))
        return StepOutput(
            gradients=[found.get(j) for j in places],
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars=scalars,
            per_example={},
        )

    def _phase(self, epoch: int) -> str:
        return FEATURES if epoch < self._first_classifier_epoch else CLASSIFIER

    def _term(
        self,
        term: tuple[str, str],
        outputs: tuple[tf.Tensor, tf.Tensor],
        margins: tf.Tensor,
        batch: Batch,
        state: StepState,
    ) -> tf.Tensor:
        """Share of one term of the loss."""
        kind, weighted = term
        weights = None if weighted == "none" else tf.constant(self._weights[weighted])
        logits, features = outputs
        if kind == "ce":
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch.label, logits)
            if weights is None:
                return replicas.batch_mean(losses)
            own = tf.gather(weights, batch.label)
            return tf.reduce_sum(own * losses) / replicas.total(tf.reduce_sum(own))
        labels = replicas.gather(batch.label)
        per_class = dro_lt_class_losses(
            replicas.differentiable_gather(features),
            labels,
            tf.convert_to_tensor(state.variables["centroid"]),
            margins,
            self.options.dro_temperature,
        )
        return dro_lt_mean(per_class, labels, weights) / replicas.count()

    def _move_margins(self, margins: tf.Tensor, gradient: tf.Tensor, state: StepState) -> None:
        """Update margins by a step of SGD like that of the weights."""
        buffer = state.variables["margin_momentum"]
        decayed = update.add_decay(
            [replicas.total(gradient)], [margins], [self.options.dro_margin_decay]
        )
        (moved,), (momentum,) = update.sgd_momentum(
            [margins],
            [tf.convert_to_tensor(buffer)],
            decayed,
            learning_rate=state.learning_rate,
            momentum=self.context.update.momentum,
        )
        if self.options.margin_constraint == "nonneg":
            moved = tf.maximum(moved, 0)
        replicas.assign([state.variables["margin"], buffer], [moved, momentum])

    def _snapshot(self) -> list[tf.Variable]:
        """Variables to keep of the best features: all weights and moving statistics."""
        return parts.values_of(self.context.model)

    def _keep_the_best(self, variables: Mapping[str, tf.Variable], predict: Predict) -> float:
        """Score the current features, keep them if they are the best so far; return the score."""
        indices, num_classes = self.context.examples.train_indices, self.context.num_classes
        means = nearest_centroid.class_means(
            predict(indices, "features"), self.context.examples.given_labels[indices], num_classes
        )
        labels, features = predict.of_evaluation("features")
        predictions = nearest_centroid.predict(features, means)
        # In the precision in which the best one is kept: equal scores keep the earlier features.
        score = float(np.float32(metrics.balanced_accuracy(predictions, labels, num_classes)))
        if score > float(variables["best_score"].numpy()):
            variables["best_score"].assign(score)
            for place, variable in enumerate(self._snapshot()):
                variables[f"best_{place}"].assign(tf.convert_to_tensor(variable))
        return score

    def _take_the_best(self, variables: Mapping[str, tf.Variable]) -> None:
        """Set the network to the best features."""
        for place, variable in enumerate(self._snapshot()):
            variable.assign(tf.convert_to_tensor(variables[f"best_{place}"]))


def _terms(option: str, text: str) -> dict[str, tuple[str, str]]:
    """Terms of the loss in an option, by name.

    Raises:
      InputError: an unknown term, or one given twice.
    """
    names = text.split(",")
    if not set(names) <= TERMS.keys() or len(set(names)) < len(names):
        raise InputError(
            f"must be some of {', '.join(TERMS)}, each once, separated by commas",
            option=option,
            value=text,
        )
    return {name: TERMS[name] for name in names}


def _class_weights(context: Context) -> dict[str, np.ndarray]:
    """Class weights [K] by name: "bal" n / (K n_c), 0 without images; "lt" n_c / max n_c."""
    labels = context.examples.given_labels[context.examples.train_indices]
    counts = np.bincount(labels, minlength=context.num_classes).astype(np.float32)
    balanced = np.zeros_like(counts)
    np.divide(counts.sum() / len(counts), counts, out=balanced, where=counts > 0)
    return {"bal": balanced, "lt": counts / counts.max()}


def _first_classifier_epoch(options: Options, context: Context) -> int:
    """First epoch (0-based) of the classifier's phase.

    Raises:
      InputError: no epoch is left for the features.
    """
    epochs = math.ceil(context.length.total_steps / context.length.steps_per_epoch)
    if epochs <= options.balanced_clf_nepochs:
        raise InputError(
            f"of {epochs} epochs of {context.length.steps_per_epoch} steps leave none to train the "
            "features; give a larger `max_epoch`",
            option="balanced_clf_nepochs",
            value=options.balanced_clf_nepochs,
        )
    return epochs - options.balanced_clf_nepochs
