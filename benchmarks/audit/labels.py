"""Quality of the label audit of each method, beside cleanlab.

    python -m benchmarks.audit labels

Trains on digits with label noise, and measures how well `label_audit.csv` ranks wrong labels
(AUROC, average precision) and classifies them (F1 of score > 0.5). cleanlab does the same with its
defaults, by `get_label_quality_scores` (ranking) and `find_label_issues` (F1), on out-of-fold
probabilities of the same network (`--method=supervised --audit_folds=5`, whose probabilities our
audit by folds has too) and of an RBF SVM. cleanlab is no dependency of ieg: `pip install -e
'.[benchmarks]'`. Without it its columns are left out, and a line says so.

All are measured on the same examples: the training images without the 50 that L2R and IEG hold out
as probe set. The same command resumes where it stopped. Forty minutes on 2 CPU cores.
"""

import argparse
import csv
import importlib.util
import json
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
from scipy.special import softmax
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from benchmarks import peers
from benchmarks.tables import mean, print_table
from ieg import audit
from ieg.data.dataset import Dataset, prepare
from ieg.data.settings import DataSettings
from ieg.errors import InputError, as_flag, spelled
from ieg.folds import SCORES
from ieg.runs.folder import LABEL_AUDIT

DATASETS = ("digits_uniform_0.4", "digits_uniform_0.8", "digits_asymmetric_0.4")
METHODS = ("supervised", "l2r", "ieg", "fsr")
FOLDS = 5
BY_FOLDS = f"supervised, {FOLDS} folds"
MEASURES = {"auroc": "AUROC", "average_precision": "average precision", "f1": "F1"}

#: Example → score that its label is wrong, and whether it is taken for wrong.
Found = Mapping[int, tuple[float, bool]]
Measured = dict[str, dict[str, float]]


def main(argv: Sequence[str]) -> int:
    """Print mean ± standard deviation over seeds; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", action="append", help=f"default: {', '.join(DATASETS)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--runs", type=Path, default=Path("runs/audit"), help="root of the runs")
    parser.add_argument("flags", nargs="*", help="after --: further flags for ieg.main")
    arguments = parser.parse_args(argv)
    with_cleanlab = importlib.util.find_spec("cleanlab") is not None
    if not with_cleanlab:
        print("nothing of cleanlab, which is not installed: pip install -e '.[benchmarks]'")
    rows, columns = [], list[str]()
    try:
        for name in arguments.dataset or DATASETS:
            found = [
                measured(name, seed, arguments.runs, arguments.flags, with_cleanlab)
                for seed in arguments.seeds
            ]
            columns = list(found[0])
            for key, title in MEASURES.items():
                cells = [mean([one[column][key] for one in found], 4) for column in columns]
                rows.append([name, title, *cells])
    except InputError as error:
        print(f"error: {spelled(str(error), as_flag)}", file=sys.stderr)
        return 2
    print_table(["data", "", *columns], rows)
    print(f"mean ± standard deviation over seeds {', '.join(map(str, arguments.seeds))}")
    return 0


def measured(
    name: str, seed: int, runs: Path, flags: Sequence[str], with_cleanlab: bool
) -> Measured:
    """Measures of one seed, column → measure → value; cached beside the runs."""
    dataset = prepare(DataSettings(name), seed=seed)
    peers_too = "_and_peers" if with_cleanlab else ""
    kept = runs / f"{name}_seed{seed}{peers_too}.json"
    if kept.exists():
        before = json.loads(kept.read_text())
        if before["flags"] != list(flags):
            raise InputError(
                f"{kept} was made with the flags {before['flags']}; choose other --runs"
            )
        return before["measured"]
    found: dict[str, Found] = {}
    for method in METHODS:
        command = [f"--dataset={name}", f"--method={method}", f"--seed={seed}"]
        command += [f"--checkpoint_path={runs}", *flags]
        if method == "supervised":
            run = trained(runs, name, method, seed, [*command, f"--audit_folds={FOLDS}"])
            by_folds, probabilities = read(run / LABEL_AUDIT), out_of_fold(run, dataset)
            _ieg([*command[:4], "--mode=audit", "--audit_folds=0"])
            found |= {method: read(run / LABEL_AUDIT), BY_FOLDS: by_folds}
        else:
            found[method] = read(trained(runs, name, method, seed, command) / LABEL_AUDIT)
    if with_cleanlab:
        found["cleanlab, same network"] = cleanlab(probabilities, dataset)
        found["cleanlab, RBF SVM"] = cleanlab(of_svm(dataset, seed), dataset)
    common = sorted(set.intersection(*(set(scores) for scores in found.values())))
    wrong = (dataset.given_labels != dataset.true_labels)[common]
    values = {column: _measure(scores, common, wrong) for column, scores in found.items()}
    kept.write_text(json.dumps({"flags": list(flags), "measured": values}, indent=2))
    return values


def trained(runs: Path, name: str, method: str, seed: int, command: Sequence[str]) -> Path:
    """Folder of a finished run, which is trained or resumed first if necessary."""
    print(f"{name}, {method}, seed {seed}", file=sys.stderr)
    _ieg(command)
    (run,) = (runs / name).glob(f"*/{method}/seed{seed}")
    return run


def read(path: Path) -> Found:
    """Scores and decisions in a label_audit.csv."""
    with open(path, newline="", encoding="utf-8") as file:
        found = {int(row["index"]): float(row["score"]) for row in csv.DictReader(file)}
    return {index: (score, score > audit.THRESHOLD) for index, score in found.items()}


def out_of_fold(run: Path, dataset: Dataset) -> np.ndarray:
    """Probabilities [n, K] of the training examples, from the fold that left each out."""
    logits = np.zeros([len(dataset.given_labels), dataset.num_classes])
    for path in run.glob(f"fold*/{SCORES}"):
        with np.load(path) as arrays:
            logits[arrays["index"]] = arrays["logits"]
    return softmax(logits[dataset.train_indices], axis=1)


def of_svm(dataset: Dataset, seed: int) -> np.ndarray:
    """Out-of-fold probabilities [n, K] of an RBF SVM with Platt scaling."""
    images, labels = dataset.train.images[dataset.train_indices], _given(dataset)
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1):
        return cross_val_predict(
            peers.ProbabilisticSVM(), peers.pixels(images), labels, cv=parts, method="predict_proba"
        )


def cleanlab(probabilities: np.ndarray, dataset: Dataset) -> Found:
    """Scores and decisions of cleanlab from out-of-fold probabilities [n, K]."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    given = _given(dataset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quality = get_label_quality_scores(given, probabilities)
        issues = find_label_issues(given, probabilities, n_jobs=1)
    indices = dataset.train_indices.tolist()
    return dict(
        zip(indices, zip((1 - quality).tolist(), issues.tolist(), strict=True), strict=True)
    )


def _given(dataset: Dataset) -> np.ndarray:
    return dataset.given_labels[dataset.train_indices]


def _measure(found: Found, indices: Sequence[int], wrong: np.ndarray) -> dict[str, float]:
    score = np.array([found[i][0] for i in indices])
    return {
        "auroc": roc_auc_score(wrong, score),
        "average_precision": average_precision_score(wrong, score),
        "f1": f1_score(wrong, [found[i][1] for i in indices]),
    }


def _ieg(flags: Sequence[str]) -> None:
    """Run ieg.main in a process of its own; in one process the graphs of many runs would add up."""
    command = [sys.executable, "-m", "ieg.main", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{' '.join(command)} failed: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
