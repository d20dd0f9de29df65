"""Curves of right and wrong labels over the course of a run, as ProSelfLC is read by them.

Four groups of images, none of them augmented: the test images; the training images with a wrong
label, measured against that label (memorized) and against the true one (corrected); and those with
a right label.
"""

from collections.abc import Mapping, Sequence

from ieg.drawing import canvas
from ieg.drawing.panels import Panel

TEST, NOISY, CLEAN, CORRECTED = (
    "clean_test",
    "noisy_subset",
    "clean_subset",
    "cleaned_noisy_subset",
)

#: Quantity → group of images → column of metrics.csv. Entropy and largest probability do not depend
#: on the label, so that both readings of the noisy subset share a column.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "accuracy": {
        TEST: "top1",
        NOISY: "wrong_label_fit",
        CLEAN: "clean_train",
        CORRECTED: "recovered",
    },
    "loss": {
        TEST: "test_loss",
        NOISY: "wrong_label_loss",
        CLEAN: "clean_train_loss",
        CORRECTED: "recovered_loss",
    },
    "normalised_entropy": {
        TEST: "test_entropy",
        NOISY: "wrong_label_entropy",
        CLEAN: "clean_train_entropy",
        CORRECTED: "wrong_label_entropy",
    },
    "max_p": {
        TEST: "test_max_p",
        NOISY: "wrong_label_max_p",
        CLEAN: "clean_train_max_p",
        CORRECTED: "wrong_label_max_p",
    },
}

#: Columns of metrics.csv that describe the steps themselves, where the loss has them.
METADATA = (
    "learning_rate",
    "trust",
    "global_trust",
    "local_trust",
    "train_entropy",
    "train_max_p",
)

_TITLES = {
    "accuracy": ("Accuracy", "fraction of the group"),
    "loss": ("Cross entropy", "mean per image"),
    "normalised_entropy": ("Entropy of predictions", "mean of H(p) / log K"),
    "max_p": ("Largest probability", "mean of max p"),
}
_LOOKS = {
    TEST: ("test images", canvas.BLACK),
    CLEAN: ("training images, right label", canvas.BLUE),
    CORRECTED: ("wrong label: true class (corrected)", canvas.GREEN),
    NOISY: ("wrong label: as labeled (memorized)", canvas.VERMILLION),
}
_BOTH = "training images, wrong label"


def _lines_of(columns: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Column → name and color; a column of two groups is drawn once, under a name of both."""
    shared = columns[NOISY] == columns[CORRECTED]
    return {
        columns[group]: (_BOTH if shared and group == NOISY else name, color)
        for group, (name, color) in _LOOKS.items()
    }


#: Accuracy, loss, entropy and largest probability of the groups of images.
PANELS = tuple(Panel(*_TITLES[name], _lines_of(columns)) for name, columns in COLUMNS.items())


def sheets(rows: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, list[float | None]]]:
    """The same as tables: quantity → step, epoch and one column for each group; and metadata.

    Args:
      rows: of metrics.csv, one per evaluation; None where unknown.
    """
    places = {name: [row.get(name) for row in rows] for name in ("step", "epoch")}
    tables = {
        quantity: {
            **places,
            **{group: [row.get(column) for row in rows] for group, column in columns.items()},
        }
        for quantity, columns in COLUMNS.items()
    }
    known = [name for name in METADATA if any(row.get(name) is not None for row in rows)]
    metadata = {name: [row.get(name) for row in rows] for name in known}
    return {**tables, "metadata": {**places, **metadata}}
