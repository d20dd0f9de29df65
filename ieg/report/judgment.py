"""Judgment of the labels that a run was trained on, by the best evidence that it has.

- On features of a backbone: a closed-form head, a kernel regression and the nearest neighbors.
- From pixels: a closed-form head on the features of the run's own network, and the loss over
  training.
- With `--audit_folds`: networks that have not trained on what they vote on.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ieg import audit, folds
from ieg.audit import evidence
from ieg.audit.evidence import Combination
from ieg.audit.scores import log_softmax
from ieg.data.images import Images, readable
from ieg.evaluation import metrics
from ieg.experiment import Experiment
from ieg.features import gaussian
from ieg.features.cached import CachedImages
from ieg.features.gaussian import GaussianHead
from ieg.features.standardization import Standardization
from ieg.networks import parts

#: Cells of the features that a head is fitted to: 1 GB of memory. It reads the rest in parts.
_CELLS = 1 << 26


class Judgment(NamedTuple):
    """Judgment of n given labels.

    Attributes:
      estimate: scores.
      confusion: [K, K] counts of examples that were not trained on, labels in the rows and
        predictions in the columns.
      combined: what the scores were combined from; None for a single vote.
      probabilities: [n, K] of the true class, by models that have not trained on the example; None
        from pixels without folds, where the network has.
      columns: further columns of label_audit.csv, name → [n].
      features: [n, D] that images are compared by; None for folds, or where they are too many.
      folds: number of audit folds that voted, or 0.
    """

    estimate: audit.Estimate
    confusion: ArrayLike
    combined: Combination | None = None
    probabilities: NDArray[np.float64] | None = None
    columns: Mapping[str, NDArray[np.float64]] = {}
    features: NDArray[np.float32] | None = None
    folds: int = 0

    def facts(self) -> dict[str, Any]:
        """Entries of audit.json on the pieces of evidence."""
        if self.combined is None:
            return {}
        weights = dict(self.combined.weights)
        return {"disagreement": self.combined.disagreement, "evidence_weights": weights}


def readable_rows(experiment: Experiment) -> NDArray[np.int64]:
    """Examples to train on that can be decoded: nothing was learned of others."""
    indices = experiment.dataset.train_indices
    return indices[readable(experiment.dataset.train.inputs[indices])]


def of_run(experiment: Experiment, logits: np.ndarray, confusion: ArrayLike) -> Judgment:
    """Judge the labels of `readable_rows`.

    Args:
      experiment: trained or restored.
      logits: [n, K] of its network for the examples to train on, not augmented.
      confusion: [K, K] counts of its test images, see `evaluate.on_split`.
    """
    rows = readable_rows(experiment)
    places = np.searchsorted(experiment.dataset.train_indices, rows)
    return of_examples(experiment, rows, logits[places], confusion)


def of_examples(
    experiment: Experiment, rows: NDArray[np.int64], logits: np.ndarray, confusion: ArrayLike
) -> Judgment:
    """Judge labels by features of the backbone if there are any, else by those of the network.

    The network's features are computed by all workers together.

    Args:
      experiment, confusion: as for `of_run`.
      rows: [n] examples of the training split that can be decoded.
      logits: [n, K] of its network for them, not augmented.
    """
    given, head = experiment.dataset.given_labels[rows], experiment.head
    features: NDArray[np.float32] | None
    if head is not None and np.array_equal(rows, readable_rows(experiment)):
        combined, features = _on_features(experiment, head, rows)
        shown: tuple[str, ...] = ("kernel", "neighbors")
        probabilities: NDArray[np.float64] | None = combined.prior
        logits = head.logits
    else:
        combined, features = _by_own_features(experiment, rows)
        shown, probabilities = ("head",), None
    return Judgment(
        audit.from_posterior(combined.posterior, given, logits),
        confusion,
        combined,
        probabilities,
        {f"{part}_probability": combined.probability[part] for part in shown},
        features,
    )


def by_folds(experiment: Experiment) -> Judgment:
    """Judge the labels of `readable_rows` by models that have not trained on what they vote on.

    Raises:
      InputError: a fold has not been trained.
    """
    indices, rows = experiment.dataset.train_indices, readable_rows(experiment)
    logits = folds.out_of_fold(experiment)[np.searchsorted(indices, rows)]
    given, number = experiment.dataset.given_labels[rows], experiment.config.evaluation.audit_folds
    voted = metrics.predicted_classes(logits)
    confusion = metrics.confusion_matrix(voted, given, experiment.dataset.num_classes)
    found = audit.estimate(given, logits=logits)
    probabilities = np.exp(log_softmax(logits / found.temperature))
    return Judgment(found, confusion, probabilities=probabilities, folds=number)


def _on_features(
    experiment: Experiment, head: GaussianHead, rows: NDArray[np.int64]
) -> tuple[Combination, NDArray[np.float32]]:
    """By features of a backbone, to which the head was fitted; and these."""
    assert isinstance(experiment.features, CachedImages)
    features = experiment.features[rows].plain()
    combined = evidence.on_features(
        features,
        experiment.dataset.given_labels[rows],
        head.logits,
        head.posterior,
        head.channel,
        seed=experiment.config.run.seed,
    )
    return combined, features


def _by_own_features(
    experiment: Experiment, rows: NDArray[np.int64]
) -> tuple[Combination, NDArray[np.float32] | None]:
    """By a head on the features of the network, and by its loss over training; and these."""
    dataset = experiment.dataset
    given, tested = dataset.given_labels[rows], dataset.evaluation
    predict = experiment.predictor(experiment.state.evaluated_weights(), "features")

    def features(inputs: Images) -> NDArray[np.float32]:
        # A network that has diverged says nothing.
        found = np.nan_to_num(predict(inputs), nan=0.0, posinf=0.0, neginf=0.0)
        return found.reshape(len(found), -1)

    width = math.prod(parts.classifier(experiment.model).input.shape[1:])
    number = min(len(rows), max(_CELLS // width, 1))
    some = np.linspace(0, len(rows) - 1, number).astype(np.int64)
    raw = features(dataset.train.inputs[rows[some]])
    standardize = Standardization.of(raw, np.arange(number))
    fitted = np.asarray(standardize(raw))
    head = gaussian.fit(
        fitted,
        given[some],
        dataset.num_classes,
        seed=experiment.config.run.seed,
    )

    def logits(inputs: Images) -> NDArray[np.float32]:
        return np.asarray(standardize(features(inputs))) @ head.weights + head.bias

    votes = np.empty([len(rows), dataset.num_classes])
    votes[some] = head.logits
    rest = np.setdiff1d(np.arange(len(rows)), some)
    for part in np.array_split(rest, -(-len(rest) // number)) if len(rest) else []:
        votes[part] = logits(dataset.train.inputs[rows[part]])
    seen = np.flatnonzero(readable(tested.inputs)) if len(tested.labels) else np.zeros(0, np.int64)
    combined = evidence.of_training(
        votes,
        given,
        experiment.state.ledger.read()["loss"][rows],
        (logits(tested.inputs[seen]), tested.labels[seen]) if len(seen) else None,
    )
    return combined, fitted if number == len(rows) else None
