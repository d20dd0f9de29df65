"""Images of the user's own in class folders, `dataset=folder:/path`.

The folder has train/<class>/* and test/<class>/*, and perhaps probe/<class>/* with images whose
labels have been checked; or train/<class>/* or <class>/* alone, of which a fifth becomes the test
split.
"""

from pathlib import Path

from ieg.data import listing
from ieg.data.listing import LeftOut, Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry
from ieg.errors import InputError

SIDE = 64

# For some hundred to some thousand photographs on a CPU: a small network, images of 64 pixels, and
# the method that needs no clean examples. The network has a batch norm in front of its last
# pooling: without one, as in resnet20, 600 photographs diverge as soon as FSR's pseudo labels make
# the gradient three times as large.
PRESET = {
    "method": "fsr",
    "network_name": "resnet29",
    "batch_size": 50,
    "max_epoch": 60,
    "learning_rate": 0.03,
    "lr_schedule": "cosine_one",
    "eval_freq": 200,
    "meta_start_epoch": 10,
    "queue_bs": 50,
}


def load(request: Request) -> Source:
    """Load the images of a folder.

    Raises:
      InputError: it is not there, or not laid out as described above.
    """
    root = Path(request.path).expanduser()
    if not root.is_dir():
        raise InputError(
            "there is no such folder", option="dataset", value=f"folder:{request.path}"
        )
    folders = listing.class_folders(root)
    if "train" not in folders:
        for name in ("test", "probe"):
            if name in folders:
                raise InputError(f"{root} has a folder {name} but none called train")
    top = "train" if "train" in folders else ""
    classes = listing.class_folders(root / top)
    listing.check_classes(classes, f"{root / top}, whose folders are the classes,")
    left_out = LeftOut()
    train = listing.class_tree(root, top, classes, left_out)
    probe, made_split = Listed(), None
    if top and "probe" in folders:
        probe = listing.class_tree(root, "probe", classes, left_out, every_class=False)
    if top and "test" in folders:
        test = listing.class_tree(root, "test", classes, left_out, every_class=False)
        if not test.paths:
            raise InputError(f"{root / 'test'} has no image; remove it to have a split made")
    else:
        train, test, made_split = listing.split_off(train, classes, request.seed)
    left_out.warn()
    return listing.make_source(
        request,
        root,
        SIDE,
        classes,
        train=train,
        test=test,
        probe=probe,
        true_labels=listing.unknown(train, probe),
        views=listing.small_views,
        made_split=made_split,
    )


REGISTRY.register("folder")(
    SourceEntry(load, PRESET, files=True, takes_path=True, backbone="efficientnet_lite0")
)
