"""DeepLoc 1.0: membrane and soluble proteins, the protein task of ProSelfLC.

Examples are sequences, or features of them that another network has computed.

References:
  J. J. Almagro Armenteros, C. K. Sønderby, S. K. Sønderby, H. Nielsen, O. Winther, "DeepLoc:
  prediction of protein subcellular localization using deep learning", Bioinformatics 2017.
  X. Wang, Y. Hua, E. Kodirov, S. S. Mukherjee, D. A. Clifton, N. M. Robertson, "ProSelfLC:
  Progressive Self Label Correction Towards A Low-Temperature Entropy State", arXiv 2207.00118.
"""

import functools
import logging
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ieg import keys
from ieg.data import fasta
from ieg.data.fasta import Protein
from ieg.data.files import first_few
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry, Split
from ieg.errors import InputError

FILE = "deeploc_data.fasta"
EMBEDDINGS = "deeploc_embeddings.npz"
#: Longer training sequences are cropped; longer test sequences are left out.
LENGTH = 434
CLASSES = ("soluble", "membrane")
_LABELS = {"S": 0, "M": 1}

# ProSelfLC's settings, for another network than its own.
PRESET = {
    "method": "supervised",
    "network_name": "transformer",
    "batch_size": 32,
    "max_epoch": 40,
    "learning_rate": 0.02,
    "l2_weight_decay": 1e-4,
    "lr_schedule": "custom_step",
    "decay_steps": "3000",
    "use_ema": False,
}
UNKNOWN_PRESET = {"learning_rate": 0.01, "decay_steps": "5000"}

#: (folder, proteins) → examples of one shape.
Examples = Callable[[Path, list[Protein]], np.ndarray]


def load(examples: Examples, with_unknown: bool, request: Request) -> Source:
    """Load the proteins of the file, split as their headers say.

    Args:
      examples: form of the examples.
      with_unknown: True to train on proteins of unknown kind too, with labels drawn at random.
      request: place of the file, and the seed of those labels.
    Raises:
      InputError: the file is malformed, or a class or a split is empty.
    """
    root = Path(request.dataset_dir).expanduser()
    proteins = _usable(fasta.read(root / FILE))
    train = [p for p in proteins if not p.test and (with_unknown or p.kind in _LABELS)]
    short = [p for p in proteins if p.test and len(p.letters) <= LENGTH]
    test = [p for p in short if p.kind in _LABELS]
    for name, part in (("train", train), ("test", test)):
        if {p.kind for p in part} - {"U"} != set(_LABELS):
            raise InputError(
                f"{root / FILE} has no proteins of a membrane (-M), or no soluble ones (-S), to "
                f"{name} on; those to test on have 'test' in their header and at most {LENGTH} "
                "letters"
            )
    known = np.array([p.kind in _LABELS for p in train])
    drawn = keys.generator(request.seed, "unknown labels").integers(len(CLASSES), size=len(train))
    labels = np.where(known, _labels(train), drawn)
    cropped = sum(len(p.letters) > LENGTH for p in train)
    notes = [f"{cropped:,} sequences cropped"] if cropped else []
    notes += [] if known.all() else [f"{np.sum(~known):,} unknown labels drawn at random"]
    too_long = sum(p.test for p in proteins) - len(short)
    notes += [f"{too_long:,} too long to be tested on"] if too_long else []
    unknown = len(short) - len(test)
    notes += [f"{unknown:,} of unknown kind not tested on"] if unknown else []
    return Source(
        train=Split(
            examples(root, train),
            labels,
            _names(train),
            true_labels=np.where(known, labels, -1) if with_unknown else None,
        ),
        test=Split(examples(root, test), _labels(test), _names(test)),
        class_names=CLASSES,
        confusion=None,
        weak=None,
        note=", ".join(notes) or None,
    )


def sequences(root: Path, proteins: list[Protein]) -> np.ndarray:
    """[N, LENGTH] int32 tokens."""
    return fasta.tokens(proteins, LENGTH)


def embeddings(root: Path, proteins: list[Protein]) -> np.ndarray:
    """[N, D] float32 features of the proteins, from the file beside the sequences.

    Raises:
      InputError: the file is missing or damaged, or lacks a protein.
    """
    path = root / EMBEDDINGS
    names, features = _read_embeddings(path)
    row = {name: number for number, name in enumerate(names)}
    missing = [p.name for p in proteins if p.name not in row]
    if missing:
        raise InputError(f"{path} lacks {len(missing)} of the proteins: {first_few(missing)}")
    return features[[row[p.name] for p in proteins]]


def _read_embeddings(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            names, features = file["names"], file["features"]
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(
            f"cannot read {path}: {error}; it must be a .npz file of the plain arrays names [N] "
            "and features [N, D], see data/README.md"
        ) from None
    if names.dtype.kind != "U" or features.dtype.kind != "f" or features.ndim != 2:
        raise InputError(
            f"{path}: names must be text and features numbers [N, D], not {names.dtype} and "
            f"{features.dtype} of shape {features.shape}"
        )
    if names.shape != features.shape[:1] or not np.isfinite(features).all():
        raise InputError(f"{path} must hold a finite row of features for each of its names")
    return names.tolist(), features.astype(np.float32)


def _usable(proteins: Sequence[Protein]) -> list[Protein]:
    """Keep proteins whose letters are amino acids; warn of the others."""
    reasons = {
        "empty": [p.name for p in proteins if not p.letters],
        "with letters that stand for no amino acid": [
            p.name for p in proteins if not p.is_readable
        ],
    }
    for reason, names in reasons.items():
        if names:
            logging.getLogger("ieg").warning(
                "sequences left out: %d %s: %s", len(names), reason, first_few(names)
            )
    return [p for p in proteins if p.letters and p.is_readable]


def _labels(proteins: Sequence[Protein]) -> np.ndarray:
    return np.array([_LABELS.get(p.kind, 0) for p in proteins], np.int64)


def _names(proteins: Sequence[Protein]) -> np.ndarray:
    return np.array([p.name for p in proteins])


for _name, _examples, _network in (
    ("deeploc", sequences, "transformer"),
    ("deeploc_embeddings", embeddings, "mlp"),
):
    _preset = PRESET | {"network_name": _network}
    _load = functools.partial(load, _examples)
    REGISTRY.register(_name)(
        SourceEntry(functools.partial(_load, False), _preset),
    )
    REGISTRY.register(f"{_name}_unknown")(
        SourceEntry(
            functools.partial(_load, True),
            _preset | UNKNOWN_PRESET,
            own_noise="random labels where none is known",
        )
    )
