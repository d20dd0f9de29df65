"""Images in bad condition among photographs: precision and recall, beside cleanvision.

    python -m benchmarks.audit_condition DIR [--seeds 1 2 3]

DIR has train/CLASS/* and test/CLASS/*, such as TensorFlow's flower_photos split in two. For each
seed, 100 images of each kind are replaced by JPEG files (quality 90) in bad condition: blurred by a
Gaussian of radius 3 to 8 pixels, darkened to 10 to 20 % of every value, black, of one color,
overexposed by 3 to 5 stops of linear light, or grey. Recall is that of the planted images.
Findings among the others count as right where a person has looked at them and said so:
flowers_condition.csv has what the author saw in flower_photos, of all that either tool found there.
Images with an entry in it are not replaced.

The thresholds were chosen on train/ with other seeds. cleanvision runs with its defaults; its
grayscale goes by the mode of a file, and all of these are RGB. It is no dependency of ieg
(pip install cleanvision); without it its columns are left out.
"""

import argparse
import csv
import importlib.util
import itertools
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.tables import mean, print_table
from ieg.audit import condition

EACH = 100
_SEEN = Path(__file__).with_name("flowers_condition.csv")
_WORKERS = 2
#: cleanvision's name → ours.
_ISSUES = {
    "low_information": "constant",
    "dark": "dark",
    "light": "overexposed",
    "blurry": "blurred",
    "grayscale": "grey",
}

#: Path → kinds of what is wrong with it.
Found = Mapping[Path, set[str]]
#: Kind → precision (nan where nothing was found) and recall.
Scores = dict[str, tuple[float, float]]


def blurred(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Gaussian blur with a standard deviation of 3 to 8 pixels."""
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(3, 8)))


def dark(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Values at 10 to 20 %."""
    share = rng.uniform(0.1, 0.2)
    return image.point(lambda value: value * share)


def black(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Nothing but 0."""
    return Image.new("RGB", image.size)


def one_color(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A random color everywhere."""
    red, green, blue = rng.integers(256, size=3).tolist()
    return Image.new("RGB", image.size, (red, green, blue))


def overexposed(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """3 to 5 stops more linear light, at a gamma of 2.2."""
    factor = 2 ** (rng.uniform(3, 5) / 2.2)
    return image.point(lambda value: min(value * factor, 255))


def grey(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Luma in all three channels."""
    return image.convert("L").convert("RGB")


#: Way to spoil an image → kind of finding that it should be.
PLANTED: Mapping[Callable[[Image.Image, np.random.Generator], Image.Image], str] = {
    blurred: "blurred",
    dark: "dark",
    black: "constant",
    one_color: "constant",
    overexposed: "overexposed",
    grey: "grey",
}
KINDS = tuple(dict.fromkeys(PLANTED.values()))


def main(argv: Sequence[str]) -> int:
    """Print precision and recall per kind over seeds; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path, metavar="DIR", help="folder with train and test")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args(argv)
    tools = {"ieg": ours}
    if importlib.util.find_spec("cleanvision"):
        tools["cleanvision"] = cleanvision
    else:
        print("cleanvision is not installed: its columns are left out", file=sys.stderr)
    paths = sorted(arguments.images.glob("t*/*/*.jpg"))
    seen = natural(paths)
    scores: dict[str, list[Scores]] = {tool: [] for tool in tools}
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            planted = plant(paths, seen, seed, Path(folder))
            for tool, find in tools.items():
                scores[tool].append(score(find(replaced(paths, planted)), planted, seen))
    lines = [
        [kind, *(_cell([one[kind][i] for one in scores[tool]]) for tool in tools for i in (0, 1))]
        for kind in KINDS
    ]
    titles = ["", *(f"{tool}, {what}" for tool in tools for what in ("precision", "recall"))]
    seeds = ", ".join(map(str, arguments.seeds))
    print_table(titles, lines, f"{len(paths):,} images; mean ± standard deviation, seeds {seeds}")
    return 0


def _cell(scores: Sequence[float]) -> str:
    return "-" if any(map(math.isnan, scores)) else mean(scores)


def natural(paths: Sequence[Path]) -> dict[Path, str]:
    """Kinds of what a person has seen in the images as they are."""
    with open(_SEEN, newline="", encoding="utf-8") as file:
        seen = {row["path"]: row["kind"] for row in csv.DictReader(file)}
    names = {path: f"{path.parent.name}/{path.name}" for path in paths}
    return {path: seen[name] for path, name in names.items() if name in seen}


def plant(
    paths: Sequence[Path], seen: Mapping[Path, str], seed: int, folder: Path
) -> dict[Path, str]:
    """Spoil some images, in files of their own; return what was done to which of these files."""
    rng = np.random.default_rng(seed)
    free = [path for path in paths if path not in seen]
    chosen = iter(rng.permutation(len(free))[: EACH * len(PLANTED)])
    planted = {}
    for spoil, kind in PLANTED.items():
        for i in itertools.islice(chosen, EACH):
            file = folder / f"{free[i].parent.name}_{free[i].name}"
            with Image.open(free[i]) as image:
                spoil(image.convert("RGB"), rng).save(file, quality=90)
            planted[file] = kind
    return planted


def replaced(paths: Sequence[Path], planted: Mapping[Path, str]) -> list[Path]:
    """All images, the spoiled ones in the place of what they were made from."""
    spoiled = {file.name: file for file in planted}
    return [spoiled.get(f"{path.parent.name}_{path.name}", path) for path in paths]


def score(found: Found, planted: Mapping[Path, str], seen: Mapping[Path, str]) -> Scores:
    """Precision over all that was found, and recall of what was planted, per kind.

    Whatever else is said of a constant image (black is dark, and grey) is neither right nor wrong.
    """
    truth = {**seen, **planted}
    scores = {}
    for kind in KINDS:
        other = {file for file, name in planted.items() if name == "constant" != kind}
        files = {file for file, kinds in found.items() if kind in kinds} - other
        sought = {file for file, name in planted.items() if name == kind}
        right = sum(truth.get(file) == kind for file in files)
        precision = right / len(files) if files else math.nan
        scores[kind] = (precision, len(files & sought) / len(sought))
    return scores


def ours(files: Sequence[Path]) -> Found:
    """Findings of `ieg.audit.condition`."""
    with ThreadPoolExecutor(_WORKERS) as workers:
        measurements = list(workers.map(condition.measure_file, files))
    found: dict[Path, set[str]] = {}
    for finding in condition.find(measurements):
        found.setdefault(files[finding.index], set()).add(finding.kind)
    return found


def cleanvision(files: Sequence[Path]) -> Found:
    """Issues of cleanvision, by our names."""
    from cleanvision import Imagelab

    lab = Imagelab(filepaths=[str(file) for file in files])
    lab.find_issues({issue: {} for issue in _ISSUES}, n_jobs=_WORKERS, verbose=False)
    found: dict[Path, set[str]] = {}
    for issue, kind in _ISSUES.items():
        marked = lab.issues[f"is_{issue}_issue"]
        for file in marked.index[marked]:
            found.setdefault(Path(file), set()).add(kind)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
