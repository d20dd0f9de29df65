"""Images of the user's own in class folders, `dataset=folder:/path`.

The folder has train/<class>/* and test/<class>/*, and perhaps validation/<class>/* and
probe/<class>/* with images whose labels have been checked; or train/<class>/* or <class>/* alone,
of which a fifth becomes the test split. See `split_names` for other spellings of the splits. Labels
in metadata.csv or metadata.jsonl go before class folders, see `metadata`.
"""

from pathlib import Path

import numpy as np

from ieg.data import file_source, listing, metadata
from ieg.data.files import first_few
from ieg.data.left_out import LeftOut
from ieg.data.listing import Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry, csv_file
from ieg.data.sources.csv_file import PRESET, SIDE
from ieg.data.split_names import split_of
from ieg.errors import InputError


def load(request: Request) -> Source:
    """Load the images of a folder.

    Raises:
      InputError: it is not there, or not laid out as described above.
    """
    root = Path(request.path).expanduser()
    if not root.is_dir():
        problem = "is no folder" if root.exists() else "there is no such folder"
        raise InputError(problem, option="dataset", value=f"folder:{request.path}")
    left_out = LeftOut()
    if files := metadata.find(root):
        table = metadata.read(root, files, left_out)
        if table is not None:
            return csv_file.of_table(request, table, root, left_out)
    splits = _splits(root)
    if splits:
        listing.note_unplaced(root, "", splits.values(), left_out)
    classes = _classes(root, splits.get("train", ""), left_out)
    train = listing.class_tree(root, splits.get("train", ""), classes, left_out)
    others = {
        split: _held_out(root, folder, classes, left_out)
        for split, folder in splits.items()
        if split != "train"
    }
    validation, made_split = others.get("validation"), None
    if "test" in others:
        test = others["test"]
    elif validation is not None:
        test = validation
    else:
        train, test, made_split = listing.split_off(train, classes, request.seed, left_out)
    if validation is not None:
        left_out.note_validation(splits["validation"], is_test=test is validation)
    left_out.warn()
    probe = others.get("probe", Listed.of())
    return file_source.make_source(
        request,
        root,
        SIDE,
        classes,
        train=train,
        test=test,
        probe=probe,
        validation=validation,
        true_labels=file_source.unknown(train, probe),
        views=file_source.small_views,
        made_split=made_split,
    )


def _splits(root: Path) -> dict[str, str]:
    """Split → its folder; empty if the folders are the classes.

    Raises:
      InputError: the names leave open which it is.
    """
    found: dict[str, list[str]] = {}
    for name in listing.class_folders(root):
        split = split_of(name)
        # Without train/, folders called valid and invalid are classes.
        if split == "validation" and not listing.class_folders(root / name):
            split = None
        if split is not None:
            found.setdefault(split, []).append(name)
    if found and "train" not in found:
        name = next(iter(found.values()))[0]
        raise InputError(
            f"{root} has a folder {name} but none called train; if {name} is a class, put all "
            "class folders into a folder called train"
        )
    for split, names in found.items():
        if len(names) > 1:
            raise InputError(
                f"{root} has the folders {' and '.join(names)}, each of which could be the {split} "
                f"split: leave one of them, called {split}"
            )
    return {split: names[0] for split, names in found.items()}


def _classes(root: Path, train: str, left_out: LeftOut) -> list[str]:
    """Names of the class folders in the training split.

    Raises:
      InputError: there are fewer than two, or they hold the splits; the message says where they
        seem to be.
    """
    place = root / train
    classes = listing.class_folders(place)
    where = f"{place}, whose folders are the classes,"
    if not classes:
        listing.note_unplaced(root, train, (), left_out)
        if train:
            where = f"{place} (if {train} is a class, put all class folders into a folder train)"
    if len(classes) == 1 and listing.class_folders(place / classes[0]):
        where = f"{place} (is it {place / classes[0]} that you mean?)"
    listing.check_classes(classes, where, left_out)
    for name in classes:
        inside = listing.class_folders(place / name)
        splits = {split_of(folder) for folder in inside} - {None, "probe"}
        if len(splits) > 1:  # all of them would be trained on
            raise InputError(
                f"{place / name} has folders of splits ({first_few(inside)}); classes go into the "
                f"splits, such as {root / 'train' / name}"
            )
    return classes


def _held_out(root: Path, folder: str, classes: list[str], left_out: LeftOut) -> Listed:
    """Images of a split that is not trained on, which may lack some classes."""
    listed = listing.class_tree(root, folder, classes, left_out, every_class=False)
    if not listed:
        raise InputError(
            f"{root / folder} has no image in folders of the classes{left_out.told()}; remove it "
            "to do without, and label images without a class by `mode=predict`"
        )
    counts = np.bincount(listed.labels, minlength=len(classes))
    lacking = [name for name, count in zip(classes, counts, strict=True) if not count]
    if lacking:
        left_out.notes.append(f"{root / folder} has no image of {first_few(lacking)}")
    return listed


REGISTRY.register("folder")(
    SourceEntry(load, PRESET, files=True, takes_path=True, backbone="efficientnet_lite0")
)
