"""Folder `export/`: the model in some formats, its classes, and a model card."""

import json
from collections.abc import Sequence
from pathlib import Path

import keras

from ieg import atomic
from ieg.exporting.formats import DEFAULT, FORMATS

#: Height and width of an example where images may have any size.
_ANY_SIZE = (200, 300)


def write(
    folder: Path,
    model: keras.Model,
    class_names: Sequence[str],
    card: str,
    formats: Sequence[str] = DEFAULT,
) -> None:
    """Write the files of the formats, classes.json and README.md; an older export is replaced.

    The new folder takes the place of the old one only when it is complete.

    Args:
      folder: to write; the folder above it exists.
      model: raw examples → probabilities, see `inference.probability_model`.
      class_names: K names, in the order of the probabilities. Bytes that are no UTF-8, possible in
        names of folders, become an escape such as `\\udcff`.
      card: text of README.md, to which Python for each of the files is added.
      formats: see `formats.chosen`.
    Raises:
      InputError: the folder cannot be written, or the network not in one of the formats.
    """
    names, card = [_utf8(name) for name in class_names], _utf8(card)
    with atomic.replacing_folder(folder) as new:
        for name in formats:
            FORMATS[name].write(new / FORMATS[name].file, model, names)
        classes = json.dumps(names, ensure_ascii=False, indent=2)
        (new / "classes.json").write_text(f"{classes}\n", encoding="utf-8")
        (new / "README.md").write_text(card + _files(model, formats), encoding="utf-8")


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _files(model: keras.Model, formats: Sequence[str]) -> str:
    """Last section of the card: Python that loads each file."""
    (raw,) = model.inputs
    sides = iter(_ANY_SIZE)
    shape = [1, *(next(sides) if side is None else side for side in raw.shape[1:])]
    blocks = [f'import numpy as np\nexamples = np.zeros({shape}, "{raw.dtype}")']
    blocks += [FORMATS[name].use for name in formats]
    return "\n".join(["", "## Files", "", *(f"```python\n{block}\n```\n" for block in blocks)])
