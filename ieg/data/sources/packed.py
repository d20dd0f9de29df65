"""Images that `--mode=pack` has packed, `dataset=packed:/path`.

Examples, labels and splits are those of the folder or the table that was packed, test splits that
were drawn from it included.
"""

from pathlib import Path

from ieg.data import file_source, packed
from ieg.data.files import Damage, FileImages
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry
from ieg.data.sources.csv_file import PRESET


def load(request: Request) -> Source:
    """Load packed images.

    Raises:
      InputError: see `packed.read`.
    """
    folder = Path(request.path).expanduser()
    found = packed.read(folder)
    side = request.image_size or int(found.facts["side"])
    views = file_source.small_views(side)
    images = FileImages(
        str(folder),
        found.pack.paths[:0],
        side,
        Damage(len(found.pack.paths), request.damaged_limit),
        views.area,
        background=request.background,
        pack=found.pack,
    )
    own_validation = "validation_labels" in found.facts
    return Source(
        train=found.split("train", images),
        test=found.split("test", images),
        validation=found.split("validation", images) if own_validation else None,
        class_names=found.class_names,
        confusion=None,
        weak=views.weak,
        strong=views.strong,
        probe=found.probe(),
        damage=images.damage,
        annotations=found.annotations(),
    )


REGISTRY.register("packed")(
    SourceEntry(load, PRESET, files=True, takes_path=True, backbone="efficientnet_lite0")
)
