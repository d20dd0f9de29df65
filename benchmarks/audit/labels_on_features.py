"""Wrong labels found by features of photographs, beside cleanlab and a vote of neighbors.

    python -m benchmarks.audit labels_on_features DIR [--runs runs/labels_on_features]
    python -m benchmarks.audit labels_on_features DIR --cifar

DIR as for `benchmarks.photos`: train/CLASS/* and test/CLASS/* whose labels are made wrong, or with
--cifar a --dataset_dir with CIFAR-10 and CIFAR-10N. Kind `instance_0.3` gives 30 % a label drawn
from the probabilities of a weak model, more often where that is in doubt. The rows:

- all evidence: what label_audit.csv has, see `ieg.audit.evidence`;
- head: the closed-form head alone;
- cleanlab: `get_label_quality_scores` and `find_label_issues` of out-of-fold logistic regression on
  the same features, with C by cross-validation on the given labels;
- 30 neighbors: the share of the other labels among them.

cleanlab is no dependency of ieg: `pip install -e '.[benchmarks]'`; without it its row is left out.

F1 and precision are those of score > 0.5, or of cleanlab's issues; the gain is that over looks in
random order, see `ieg.audit.measure`. The same command goes on where
it stopped.
"""

import argparse
import importlib.util
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, precision_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

from benchmarks import photos
from benchmarks.tables import mean, print_table
from ieg import audit
from ieg.audit import evidence
from ieg.features import gaussian

FOLDER = ("symmetric_0.05", "symmetric_0.3", "symmetric_0.6", "pair_0.4", "instance_0.3")
CIFAR = ("cifar10n_aggre", "cifar10n_rand1", "cifar10n_worst")
_INSTANCE = "instance_"
_EXAMPLES, _DIRECTIONS = 10, 20  # of each class, and of the features, that the weak model sees

#: Row → measure → value.
Measured = dict[str, dict[str, float]]
#: Features [n, D], given labels [n], and whether these are wrong [n].
Images = tuple[np.ndarray, np.ndarray, np.ndarray]


def main(argv: Sequence[str]) -> int:
    """Print mean ± standard deviation over seeds; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path, metavar="DIR")
    parser.add_argument("--cifar", action="store_true", help="DIR has CIFAR-10 and CIFAR-10N")
    parser.add_argument("--runs", type=Path, default=Path("runs/labels_on_features"))
    parser.add_argument("--noise", action="append", help="default: all kinds")
    parser.add_argument("--row", action="append", choices=ROWS, help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: 1 2 3, with --cifar 1")
    arguments = parser.parse_args(argv)
    if not importlib.util.find_spec("cleanlab"):
        print("cleanlab is not installed: its row is left out", file=sys.stderr)
    seeds = arguments.seeds or ([1] if arguments.cifar else [1, 2, 3])
    lines, titles = [], list[str]()
    for kind in arguments.noise or (CIFAR if arguments.cifar else FOLDER):
        by_seed = [measured(arguments, kind, seed) for seed in seeds]
        for row in by_seed[0]:
            titles = list(by_seed[0][row])
            cells = [mean([one[row][title] for one in by_seed]) for title in titles]
            lines.append([kind, row, *cells])
    caption = f"mean ± standard deviation, seeds {', '.join(map(str, seeds))}"
    print_table(["labels", "", *titles], lines, caption)
    return 0


def measured(arguments: argparse.Namespace, kind: str, seed: int) -> Measured:
    """Measures of the wanted rows on one kind of labels, kept beside each other in files."""
    found: Measured = {}
    images: Images | None = None
    for row in arguments.row or ROWS:
        if row == "cleanlab" and not importlib.util.find_spec("cleanlab"):
            continue
        kept = arguments.runs / f"{kind}_seed{seed}_{row.replace(' ', '_')}.json"
        if not kept.exists():
            images = images or labels_of(arguments, kind, seed)
            kept.parent.mkdir(parents=True, exist_ok=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                kept.write_text(json.dumps(ROWS[row](*images, seed)))
            print(f"{kind}, seed {seed}: {kept.read_text()}", file=sys.stderr)
        found |= json.loads(kept.read_text())
    return found


def labels_of(arguments: argparse.Namespace, kind: str, seed: int) -> Images:
    """Features, given labels, and whether these are wrong."""
    drawn = kind.startswith(_INSTANCE)
    data = photos.of_cifar if arguments.cifar else photos.of_folder
    flags = data(arguments.images, kind, seed, arguments.runs, clean=False) | {"seed": seed}
    if drawn:
        del flags["noise"]
    x, given, wrong = photos.training(photos.on_features(flags))
    if drawn:
        true, given = given, of_weak_model(x, given, float(kind.removeprefix(_INSTANCE)), seed)
        wrong = given != true
    return x, given, wrong


def of_weak_model(x: np.ndarray, true: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Labels of which a share `rate` is drawn from the probabilities of a weak model."""
    rng = np.random.default_rng(seed)
    count, classes = len(true), int(true.max()) + 1
    seen = x @ (rng.normal(size=[x.shape[1], _DIRECTIONS]) / np.sqrt(x.shape[1]))
    some = rng.choice(count, _EXAMPLES * classes, replace=False)
    p = LogisticRegression(max_iter=300).fit(seen[some], true[some]).predict_proba(seen)
    p[np.arange(count), true] = 0
    doubt = np.log(p.max(axis=1)) + rng.gumbel(size=count)
    given = true.copy()
    for i in np.argsort(-doubt)[: round(rate * count)]:
        given[i] = rng.choice(classes, p=p[i] / p[i].sum())
    return given


def ours(x: np.ndarray, given: np.ndarray, wrong: np.ndarray, seed: int) -> Measured:
    """All evidence, and the head that it begins with."""
    head = gaussian.fit(x, given, int(given.max()) + 1, seed=seed)
    found = evidence.on_features(x, given, head.logits, head.posterior, head.channel, seed=seed)
    score = 1 - found.posterior[np.arange(len(given)), given]
    disagreement = float((head.logits.argmax(axis=1) != given).mean())
    everything = _measure(score, score > audit.THRESHOLD, wrong)
    alone = _measure(head.score, head.score > audit.THRESHOLD, wrong)
    return {
        "all evidence": everything | {"disagreement": found.disagreement},
        "head": alone | {"disagreement": disagreement},
    }


def cleanlab(x: np.ndarray, given: np.ndarray, wrong: np.ndarray, seed: int) -> Measured:
    """cleanlab on out-of-fold logistic regression."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    model = photos.chosen_regression(x, given, seed)
    p = cross_val_predict(model, x, given, cv=photos.folds(seed), method="predict_proba")
    issues = find_label_issues(given, p, n_jobs=1)
    found = _measure(1 - get_label_quality_scores(given, p), issues, wrong)
    disagreement = float((p.argmax(axis=1) != given).mean())
    return {"cleanlab": found | {"estimated": issues.mean(), "disagreement": disagreement}}


def neighbors(x: np.ndarray, given: np.ndarray, wrong: np.ndarray, _seed: int) -> Measured:
    """Vote of the neighbors with the labels that they were given."""
    p = np.exp(evidence.neighbor_votes(x, np.eye(int(given.max()) + 1)[given]))
    score = 1 - p[np.arange(len(given)), given]
    disagreement = float((p.argmax(axis=1) != given).mean())
    found = _measure(score, score > audit.THRESHOLD, wrong)
    return {"30 neighbors": found | {"disagreement": disagreement}}


#: Rows that are computed together, under the name of the first.
ROWS: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray, int], Measured]] = {
    "all evidence": ours,
    "cleanlab": cleanlab,
    "30 neighbors": neighbors,
}


def _measure(score: np.ndarray, flagged: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    return {
        "AUROC": float(roc_auc_score(wrong, score)),
        "average precision": float(average_precision_score(wrong, score)),
        "F1": float(f1_score(wrong, flagged)),
        "precision": float(precision_score(wrong, flagged, zero_division=0)),
        "gain": float(audit.measure(score, wrong)["gain"] or 1),
        "wrong": float(wrong.mean()),
        "estimated": float(score.mean()),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
