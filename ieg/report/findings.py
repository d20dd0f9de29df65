"""Findings on the images of a run beside their labels: copies, outliers, bad condition.

They need features of a backbone and one pass over the pixels, and no training.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ieg import mapped
from ieg.audit import condition
from ieg.audit.condition import Finding
from ieg.audit.copies import CopyGroup, find_copies
from ieg.audit.outliers import find_outliers
from ieg.data.dataset import Dataset
from ieg.data.files import FileImages
from ieg.evaluation import thresholds
from ieg.experiment import Experiment
from ieg.features import inspection
from ieg.features.cached import CachedImages
from ieg.features.pictures import Pictures
from ieg.report import outcome
from ieg.runs.folder import CONDITION, COPIES, DAMAGED_IMAGES, OUTLIERS, RunFolder

#: Images that `constant_in_sample` looks at.
SAMPLE = 64
#: Share of nearly constant images from which on, if they are two, something is probably wrong.
MANY_CONSTANT = 0.1
#: Name of the split of images that are trained on, and of clean ones.
TRAIN, PROBE = "train", "probe"


@dataclass(frozen=True, eq=False)
class Findings:
    """Findings on the m images that a run trains on or is tested on.

    Attributes:
      split: m names of splits.
      index: [m] int, within the training or the evaluation split.
      path: m paths, "" for images that are no files.
      given: [m] int, given labels.
      copies: groups of copies; their rows are places in the lists above, and so are all others.
      outliers: row → score, the highest first.
      condition: images in bad condition, in the order of `condition.KINDS`.
      damage: row → why the file cannot be decoded.
    """

    split: list[str]
    index: NDArray[np.int64]
    path: list[str]
    given: NDArray[np.int64]
    copies: list[CopyGroup]
    outliers: dict[int, float]
    condition: list[Finding]
    damage: Mapping[int, str]

    def facts(self) -> dict[str, Any]:
        """Numbers of findings, for audit.json."""
        return {
            "copies": {
                "groups": len(self.copies),
                "images": sum(len(group.rows) for group in self.copies),
                "labels_differ": sum(group.labels_differ for group in self.copies),
                "leaks": sum(group.leak for group in self.copies),
            },
            "outliers": len(self.outliers),
            "condition": dict(Counter(found.kind for found in self.condition)),
        }

    def warnings(self) -> list[str]:
        """Sentences on many constant images, and on copies that spoil training or test."""
        differ, leaks = (self.facts()["copies"][name] for name in ("labels_differ", "leaks"))
        found = _on_constant(self.condition, len(self.split))
        if leaks:  # then there is a test split, and it comes last
            found.append(
                f"warning: copies in training and {self.split[-1]} images both (groups: "
                f"{leaks:,}), which overestimates accuracy; see {COPIES}"
            )
        if differ:
            found.append(
                f"warning: copies with different labels (groups: {differ:,}), of which at most one "
                f"is right; see {COPIES}"
            )
        return found

    def line(self) -> str:
        """The numbers of findings in one line."""
        facts = self.facts()
        copies = facts["copies"]
        bad = ", ".join(f"{count:,} {kind}" for kind, count in facts["condition"].items())
        why = f", {DAMAGED_IMAGES}" if self.damage else ""
        return (
            f"images: {copies['images']:,} in groups of copies (groups: {copies['groups']:,}), "
            f"outliers: {facts['outliers']:,}, in bad condition: {bad or 'none'}; "
            f"see {COPIES}, {OUTLIERS}, {CONDITION}{why}"
        )

    def write(self, folder: RunFolder, class_names: Sequence[str]) -> None:
        """Write copies.csv, outliers.csv and condition.csv.

        Args:
          folder: open.
          class_names: K names.
        """
        members = [
            (number, group, row)
            for number, group in enumerate(self.copies, start=1)
            for row in group.rows.tolist()
        ]
        names = [class_names[label] for label in self.given]
        numbers = {"group": [n for n, _, _ in members], "kind": [g.kind for _, g, _ in members]}
        labels = {"given_label": [names[row] for _, _, row in members]}
        images = self._images([row for _, _, row in members])
        folder.write_table(COPIES, {**numbers, **images, **labels})

        rows = list(self.outliers)
        labels = {"given_label": [names[row] for row in rows]}
        scores = {"score": list(self.outliers.values())}
        folder.write_table(OUTLIERS, {**self._images(rows), **labels, **scores})

        rows = [found.index for found in self.condition]
        labels = {"given_label": [names[row] for row in rows]}
        problems = {
            "problem": [found.kind for found in self.condition],
            "value": [found.value for found in self.condition],
            "threshold": [found.threshold for found in self.condition],
        }
        folder.write_table(CONDITION, {**self._images(rows), **labels, **problems})

    def _images(self, rows: Sequence[int]) -> dict[str, list[Any]]:
        """Columns that name images."""
        return {
            "split": [self.split[row] for row in rows],
            "index": [self.index[row] for row in rows],
            "path": [self.path[row] for row in rows],
        }


def constant_in_sample(dataset: Dataset) -> list[str]:
    """Sentence on constant images, if many of a few training images are; for runs on pixels.

    Runs on features look at all images anyway, see `Findings.warnings`.
    """
    trained = dataset.train_indices
    if dataset.weak is None or not isinstance(dataset.train.images, FileImages):
        return []
    count = min(SAMPLE, len(trained))
    rows = trained[np.linspace(0, len(trained) - 1, count).astype(np.int64)]
    look = inspection.inspect(Pictures(dataset.train.images), rows)
    return _on_constant(condition.find(look.measurements), count)


def _on_constant(found: Sequence[Finding], count: int) -> list[str]:
    constant = sum(finding.kind == "constant" for finding in found)
    if constant < max(2, MANY_CONSTANT * count):
        return []
    return [
        f"warning: {constant:,} of {count:,} images that were looked at are nearly constant as "
        "decoded; see them with --mode=show_data. White drawings on a transparent ground need "
        "--background=black"
    ]


def gather(experiment: Experiment) -> Findings | None:
    """Look at all images that a run trains on or is tested on; None without features of them."""
    dataset = experiment.dataset
    if not isinstance(dataset.train.features, CachedImages):
        return None
    probe = dataset.probe_indices
    checked = np.zeros(0, np.int64) if probe is None else np.unique(probe)
    trained, tested = dataset.train_indices, np.arange(len(dataset.evaluation.labels))
    used = np.concatenate([trained, checked])
    parts = [(dataset.train.images, dataset.train.features, used)]
    if isinstance(dataset.evaluation.features, CachedImages):
        parts.append((dataset.evaluation.images, dataset.evaluation.features, tested))
    sizes = {
        TRAIN: len(trained),
        PROBE: len(checked),
        experiment.config.data.eval_split: len(tested),
    }
    looks = [inspection.inspect(Pictures(images), rows) for images, _, rows in parts]
    measurements = [measurement for look in looks for measurement in look.measurements]
    given = np.concatenate([dataset.given_labels[used], dataset.evaluation.labels])
    table = mapped.gathered([(features.table[:, 0], rows) for _, features, rows in parts])
    small = [look.thumbnails for look in looks]
    thumbnails = mapped.gathered([(pictures, np.arange(len(pictures))) for pictures in small])
    digests = [digest for look in looks for digest in look.digests]
    # Damaged files have neither features nor pixels.
    whole = np.flatnonzero([measurement is not None for measurement in measurements])
    limits = thresholds.parse(experiment.config.evaluation.audit_thresholds)
    if len(whole) < len(table):
        table, thumbnails = (mapped.gathered([(rows, whole)]) for rows in (table, thumbnails))
    copies = find_copies(
        table,
        thumbnails,
        digests=[digests[row] for row in whole],
        labels=given[whole],
        split=np.arange(len(given))[whole] >= len(used),
        least_correlation=limits.copy,
        seed=experiment.config.run.seed,
    )
    scored = find_outliers(table, given[whole], fence=limits.outlier)
    odd = np.flatnonzero(scored.outlier)
    odd = odd[np.argsort(-scored.score[odd], kind="stable")]
    path = [path for images, _, rows in parts for path in outcome.paths(images, rows)]
    damaged = {} if dataset.damage is None else dataset.damage.table()
    reasons = dict(zip(*damaged.values(), strict=True)) if damaged else {}
    return Findings(
        split=[name for name, count in sizes.items() for _ in range(count)],
        index=np.concatenate([rows for _, _, rows in parts]),
        path=path,
        given=given,
        copies=[
            group._replace(rows=whole[group.rows], reference=int(whole[group.reference]))
            for group in copies
        ],
        outliers={int(whole[row]): float(scored.score[row]) for row in odd},
        condition=condition.find(measurements, limits.condition),
        damage={row: reasons[name] for row, name in enumerate(path) if name in reasons},
    )


def report(experiment: Experiment, console: Console) -> Findings | None:
    """Gather findings, write their tables, and warn of copies.

    Args:
      experiment: whose folder is open, or was made by an earlier process.
      console: prints the warnings.
    """
    found = gather(experiment)
    if found is not None:
        found.write(experiment.folder, experiment.dataset.class_names)
        for warning in found.warnings():
            console.print(warning, highlight=False, markup=False, soft_wrap=True)
    return found
