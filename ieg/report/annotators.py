"""Consensus of several people's labels at the end of a run, and the quality of each person.

The labels alone make the consensus that is trained on. Here the probabilities of the run take part,
so that images on which people disagree are settled by what they show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ieg.audit import annotators
from ieg.audit.annotators import Consensus, Suspicion
from ieg.experiment import Experiment
from ieg.report import judgment, outcome
from ieg.report.judgment import Judgment
from ieg.runs.folder import ANNOTATORS, CONSENSUS, RunFolder


@dataclass(frozen=True, eq=False)
class People:
    """People and the n images that they labeled.

    Attributes:
      index: [n] int, of the examples.
      path: n paths.
      given: [n] int, labels that were trained on.
      num_labels: [n] int, labels of each image.
      disagree: [n] bool, whether these differ.
      consensus: of the same images.
      class_names: K names.
    """

    index: NDArray[np.int64]
    path: list[str]
    given: NDArray[np.int64]
    num_labels: NDArray[np.int64]
    disagree: NDArray[np.bool_]
    consensus: Consensus
    class_names: Sequence[str]

    def facts(self) -> dict[str, Any]:
        """Numbers for audit.json."""
        return {
            "annotators": {
                "people": len(self.consensus.annotators),
                "labels": int(self.num_labels.sum()),
                "disagreements": int(self.disagree.sum()),
                "suspicious": self._suspected(),
                "model_weight": self.consensus.model_weight,
            }
        }

    def warnings(self) -> list[str]:
        """A sentence on each suspicious person."""
        return [
            f"warning: annotator {name} is suspicious: {suspicion}"
            for name, suspicion in zip(self.consensus.annotators, self.suspicions(), strict=True)
            if suspicion
        ]

    def line(self) -> str:
        """The numbers in one line."""
        names = [str(name) for name in self._suspected()]
        return (
            f"annotators: {len(self.consensus.annotators):,}, who disagree on "
            f"{self.disagree.sum():,} of {len(self.index):,} images; suspicious: "
            f"{', '.join(names) or 'none'}; see {ANNOTATORS}, {CONSENSUS}"
        )

    def suspicions(self) -> list[str]:
        """Suspicions about each person in words, "" without any."""
        said: dict[str | int, list[str]] = {}
        for suspicion in self.consensus.suspicious:
            said.setdefault(suspicion.annotator, []).append(self._words(suspicion))
        return ["; ".join(said.get(name, [])) for name in self.consensus.annotators]

    def agreement(self) -> list[float | None]:
        """Agreement of each person with the others, None where there is nothing to compare."""
        shares = self.consensus.agreement.tolist()
        return [None if np.isnan(share) else share for share in shares]

    def write(self, folder: RunFolder) -> None:
        """Write annotators.csv and consensus.csv, the most doubtful images first."""
        found = self.consensus
        people = {
            "annotator": found.annotators,
            "labels": found.num_labels,
            "accuracy": found.accuracy,
            "agreement": found.agreement,
            "suspicion": self.suspicions(),
        }
        folder.write_table(ANNOTATORS, people)
        order = np.lexsort((self.index, found.quality))
        images = {
            "index": self.index[order],
            "path": [self.path[row] for row in order],
            "given_label": [self.class_names[k] for k in self.given[order]],
            "consensus": [self.class_names[k] for k in found.label[order]],
            "quality": found.quality[order],
            "labels": self.num_labels[order],
            "disagreement": ["yes" if one else "no" for one in self.disagree[order]],
        }
        folder.write_table(CONSENSUS, images)

    def _suspected(self) -> list[str | int]:
        return list(dict.fromkeys(one.annotator for one in self.consensus.suspicious))

    def _words(self, suspicion: Suspicion) -> str:
        if suspicion.classes is None:
            return (
                f"agrees with the others on {suspicion.value:.0%} of the images, where "
                f"{suspicion.expected:.0%} would be expected"
            )
        own, other = (self.class_names[k] for k in suspicion.classes)
        return (
            f"calls {suspicion.value:.0%} of the class {own} by the name of {other}, the others "
            f"{suspicion.expected:.0%}"
        )


def gather(experiment: Experiment, judged: Judgment) -> People | None:
    """Consensus and quality of people, by their labels and by the model.

    Args:
      experiment: trained or restored.
      judged: labels of its `judgment.readable_rows`.
    Returns:
      None where less than two people gave labels to these.
    """
    dataset, rows = experiment.dataset, judgment.readable_rows(experiment)
    if dataset.annotations is None:
        return None
    used = np.isin(dataset.annotations.example, rows)
    example, annotator, label = (column[used] for column in dataset.annotations)
    if len(set(annotator)) < 2:
        return None
    row = np.searchsorted(rows, example)
    lowest, highest = np.full(len(rows), dataset.num_classes), np.full(len(rows), -1)
    np.minimum.at(lowest, row, label)
    np.maximum.at(highest, row, label)
    return People(
        index=rows,
        path=outcome.paths(dataset.train.images, rows),
        given=dataset.given_labels[rows],
        num_labels=np.bincount(row, minlength=len(rows)),
        disagree=lowest < highest,
        consensus=annotators.estimate(
            row,
            annotator,
            label,
            num_examples=len(rows),
            num_classes=dataset.num_classes,
            probabilities=judged.probabilities,
        ),
        class_names=dataset.class_names,
    )
