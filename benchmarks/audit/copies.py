"""Recall and precision of the copies that the audit finds.

    python -m benchmarks.audit copies DIR [--seeds 1 2 3]
    python -m benchmarks.audit copies --cifar

Copies of 100 random photographs of each kind are planted among those below DIR: the same pixels in
another format, a crop of 95 % of each side, JPEG quality 60, a mirror image, half the size, 10 %
brighter. A copy is found if it is in a group with its original. Precision is the share of pairs of
images in one group that are copies by planting, or by `--judged FILE`: a line for each group of
natural copies that somebody has looked at, names of files with blanks between. All other pairs
are listed to be looked at.
cleanvision's exact and near duplicates of the same files stand beside it if it can be imported
(`pip install --target DIR cleanvision`, and PYTHONPATH=DIR); its pairs are judged likewise.

`--cifar` measures recall of the leaks in CIFAR-10 that are known, pairs of a test and a training
image by Barz and Denzler ("Do we train on test data?", Journal of Imaging 6, 2020), from
data/cifair.csv with the columns test_index,train_index,kind (1 the same, 2 hard to tell apart).
"""

import argparse
import csv
import importlib.util
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np

from benchmarks import planting
from benchmarks.tables import mean, print_table
from ieg.audit.copies import LEAST_CORRELATION, find_copies
from ieg.data.dataset import prepare
from ieg.data.settings import DataSettings

_EACH = 100
_SIDE = 128  # of the backbone's input for images of 32 pixels
Groups = Iterable[Sequence[int]]


def main(argv: Sequence[str]) -> int:
    """Print the tables; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path, nargs="?", metavar="DIR")
    parser.add_argument("--cifar", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--judged", type=Path)
    parser.add_argument("--least_correlation", type=float, default=LEAST_CORRELATION)
    arguments = parser.parse_args(argv)
    if arguments.cifar:
        return leaks(arguments.least_correlation)
    if arguments.images is None:
        parser.error("expected DIR or --cifar")
    found: dict[str, list[dict[str, float]]] = {}
    for seed in arguments.seeds:
        for name, values in planted(arguments, seed).items():
            found.setdefault(name, []).append(values)
    keys = [*planting.KINDS, "precision", "seconds"]
    rows = [
        [name, *(mean([one[key] for one in all_]) for key in keys)] for name, all_ in found.items()
    ]
    seeds = ", ".join(map(str, arguments.seeds))
    print_table(["recall of", *keys], rows, f"mean ± standard deviation, seeds {seeds}")
    return 0


def planted(arguments: argparse.Namespace, seed: int) -> dict[str, dict[str, float]]:
    """Recall of each kind, precision and seconds of ours and of cleanvision."""
    originals = planting.photographs(arguments.images)
    judged = _judged(arguments.judged)
    with tempfile.TemporaryDirectory() as folder:
        copies, sources, kinds = planting.plant(originals, Path(folder), _EACH, seed)
        paths = [*originals, *copies]
        origin = np.array([*range(len(originals)), *sources])
        inputs = planting.inputs(paths)
        start = time.perf_counter()
        groups = find_copies(
            inputs.features,
            inputs.thumbnails,
            digests=inputs.digests,
            least_correlation=arguments.least_correlation,
        )
        seconds = time.perf_counter() - start
        sets = {"ieg": ([group.rows.tolist() for group in groups], seconds)}
        if importlib.util.find_spec("cleanvision"):
            start = time.perf_counter()
            sets["cleanvision"] = (cleanvision(paths), time.perf_counter() - start)
        else:
            print("cleanvision is not installed: its row is left out", file=sys.stderr)
    names = [path.name for path in originals]
    return {
        name: {
            **_recall(groups_, origin, kinds),
            "precision": _precision(name, groups_, origin, names, judged),
            "seconds": seconds,
        }
        for name, (groups_, seconds) in sets.items()
    }


def cleanvision(paths: Sequence[Path]) -> list[list[int]]:
    """Exact and near duplicates of cleanvision with its defaults."""
    from cleanvision import Imagelab

    numbers = {str(path.resolve()): i for i, path in enumerate(paths)}
    lab = Imagelab(filepaths=list(numbers))
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
    return [
        [numbers[name] for name in names]
        for kind in ("exact_duplicates", "near_duplicates")
        for names in lab.info[kind]["sets"]
    ]


def leaks(least_correlation: float) -> int:
    """Print the recall of CIFAR-10's known leaks."""
    dataset = prepare(DataSettings("cifar10"), seed=0)
    train, test = dataset.train.images, dataset.evaluation.images
    assert isinstance(train, np.ndarray) and isinstance(test, np.ndarray)
    images, labels = (
        np.concatenate([train, test]),
        np.concatenate([dataset.given_labels, dataset.evaluation.labels]),
    )
    split = np.repeat(["train", "test"], [len(train), len(test)])
    gray = np.round(images @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    digests = [image.tobytes() for image in images]
    features = planting.features(images, _SIDE)
    start = time.perf_counter()
    groups = find_copies(
        features,
        gray,
        digests=digests,
        labels=labels,
        split=split,
        least_correlation=least_correlation,
    )
    seconds = time.perf_counter() - start
    together = {pair for group in groups for pair in combinations(group.rows.tolist(), 2)}
    with open("data/cifair.csv", newline="", encoding="utf-8") as file:
        known = [
            (int(row["train_index"]), len(train) + int(row["test_index"]), row["kind"])
            for row in csv.DictReader(file)
        ]
    found, total = (
        Counter(k for a, b, k in known if (a, b) in together),
        Counter(k for *_, k in known),
    )
    print(
        f"{len(images):,} images, {seconds:.0f} s, {len(groups)} groups, of these "
        f"{sum(g.leak for g in groups)} leaks, "
        f"{sum(g.labels_differ for g in groups)} with labels that differ"
    )
    print_table(
        ["kind", "known", "found"], [[k, str(total[k]), str(found[k])] for k in sorted(total)]
    )
    return 0


def _recall(groups: Groups, origin: np.ndarray, kinds: Sequence[str]) -> dict[str, float]:
    """Share of the copies of each kind that are together with their originals."""
    first = len(origin) - len(kinds)
    pairs = {pair for group in groups for pair in combinations(sorted(group), 2)}
    found = Counter(kind for i, kind in enumerate(kinds, first) if (int(origin[i]), i) in pairs)
    return {kind: found[kind] / kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _precision(
    name: str,
    groups: Groups,
    origin: np.ndarray,
    names: Sequence[str],
    judged: set[frozenset[str]],
) -> float:
    """Share of pairs in one group that are copies; prints the pairs that nobody has judged."""
    pairs = {pair for group in groups for pair in combinations(sorted(group), 2)}
    right, doubtful = 0, Counter[tuple[str, str]]()
    for a, b in pairs:
        if origin[a] == origin[b] or frozenset(names[origin[i]] for i in (a, b)) in judged:
            right += 1
        else:
            doubtful[names[origin[a]], names[origin[b]]] += 1
    print(f"{name}: {len(pairs)} pairs, not copies or not judged {sum(doubtful.values())}:")
    for (a_name, b_name), times in sorted(doubtful.items()):
        print(f"  {a_name} {b_name}" + (f" ({times} times)" if times > 1 else ""))
    return right / max(len(pairs), 1)


def _judged(path: Path | None) -> set[frozenset[str]]:
    """Pairs of names in one line of a file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path else []
    return {frozenset(pair) for line in lines for pair in combinations(line.split(), 2)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
