"""Label files of ISIC-2019: the official ground truth, and lists of a part of the images.

Each line has the name of an image without the ending, and nine columns of which one is 1. The
ground truth has a header. A list has none, and may begin its lines with marks:

    ISIC_0000000,0.0,1.0,...        the name
    1 4 ISIC_0000000,0.0,1.0,...    wrong label or not (1 or 0), number of the true class, name
    1 ISIC_0000000,0.0,1.0,...      wrong label or not, name
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ieg.data import tables
from ieg.data.files import first_few
from ieg.errors import InputError

#: In the order of the columns. No image truly is UNK, "none of the others".
CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
#: Of the ground truth.
HEADER = ("image", *CLASSES)


@dataclass(frozen=True)
class Row:
    """One image.

    Attributes:
      name: without folder and ending.
      label: number of the given class.
      true_label: number of the true class.
      marked: True if the line says whether its label is wrong.
    """

    name: str
    label: int
    true_label: int
    marked: bool = False


def read_truth(path: Path) -> list[Row]:
    """Read the official ground truth; its columns may be in another order.

    Raises:
      InputError: the file cannot be read, columns are missing or unknown, a row has no class or
        several, or an image is there twice.
    """
    if not path.is_file():
        raise InputError(f"there is no {path}; data/README.md lists what ISIC-2019 needs")
    lines = list(tables.lines(path))
    header = [cell.strip() for cell in lines[0][1]] if lines else []
    missing = [name for name in HEADER if name not in header]
    foreign = [name for name in header if header.count(name) > 1 or name not in HEADER]
    if missing or foreign:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(foreign)} too many"
        raise InputError(
            f"{path}: its first line must be {','.join(HEADER)}, and {wrong}; a list without a "
            "header goes with `dataset=isic2019_split:FOLDER`"
        )
    order = [header.index(name) for name in HEADER]
    rows = []
    for number, cells in lines[1:]:
        _check_length(path, number, cells)
        name, *columns = (cells[i].strip() for i in order)
        label = _label(path, number, columns)
        rows.append(Row(name, label, label))
    _check_distinct(path, rows)
    return rows


def read_list(path: Path, truth: Mapping[str, int] | None = None) -> list[Row]:
    """Read a list.

    Args:
      path: the file; blank lines and a header are skipped.
      truth: image → number of its true class, for marks without one; other marks and labels must
        agree with it.
    Raises:
      InputError: the file cannot be read, a line is malformed, lines are of several kinds, a mark
        contradicts the labels, a wrong label has no mark, or the true class of a marked image is
        unknown.
    """
    rows, kinds = [], set()
    for number, cells in tables.lines(path):
        if tuple(cell.strip() for cell in cells) == HEADER:
            continue
        _check_length(path, number, cells)
        *marks, name = cells[0].split() or [""]
        label = _label(path, number, cells[1:])
        kinds.add(len(marks))
        rows.append(_row(path, number, marks, name, label, truth or {}))
    if not rows:
        raise InputError(f"{path} lists no image")
    if len(kinds) > 1:
        raise InputError(f"{path} has lines with marks and lines without, or of several kinds")
    _check_distinct(path, rows)
    return rows


def _row(
    path: Path, number: int, marks: Sequence[str], name: str, label: int, truth: Mapping[str, int]
) -> Row:
    if not marks:
        if truth.get(name, label) != label:
            raise InputError(
                f"{path}, line {number}: {name} is not {CLASSES[label]} but {CLASSES[truth[name]]} "
                "in the ground truth; wrong labels must be marked, see data/README.md"
            )
        return Row(name, label, label)
    wrong = {"0": False, "1": True}.get(marks[0])
    known = len(marks) == 2 and marks[1].isdecimal() and int(marks[1]) < len(CLASSES)
    if wrong is None or not (len(marks) == 1 or known):
        raise InputError(
            f"{path}, line {number}: must begin with a name, 'MARK NAME' or 'MARK CLASS NAME' "
            f"(mark 0 or 1, class 0 to {len(CLASSES) - 1}), not {' '.join([*marks, name])!r}"
        )
    true = truth.get(name)
    if wrong and known:
        true = int(marks[1])
    elif not wrong:  # then the number in its second field means nothing
        true = label
    if true is None:
        raise InputError(
            f"{path}, line {number}: the label of {name} is marked as wrong, and its true class is "
            "not said; put the official ground truth beside the images"
        )
    if wrong == (true == label) or truth.get(name, true) != true:
        raise InputError(
            f"{path}, line {number}: the mark of {name} does not fit its label "
            f"{CLASSES[label]} and its true class {CLASSES[truth.get(name, true)]}"
        )
    return Row(name, label, true, marked=True)


def _check_length(path: Path, number: int, cells: Sequence[str]) -> None:
    if len(cells) != len(HEADER):
        raise InputError(
            f"{path}, line {number}: {len(cells)} columns; it must be a name and a number for each "
            f"of {', '.join(CLASSES)}"
        )


def _label(path: Path, number: int, columns: Sequence[str]) -> int:
    """Index of the one column that is 1."""
    try:
        values = [float(cell) for cell in columns]
    except ValueError:
        values = []
    if sorted(values) != [0.0] * (len(CLASSES) - 1) + [1.0]:
        raise InputError(
            f"{path}, line {number}: one of the nine columns must be 1 and all others 0, not "
            f"{','.join(columns)}"
        )
    return values.index(1.0)


def _check_distinct(path: Path, rows: Sequence[Row]) -> None:
    twice = [name for name, count in Counter(row.name for row in rows).items() if count > 1]
    if twice:
        raise InputError(f"{path} has {len(twice)} images more than once: {first_few(twice)}")
