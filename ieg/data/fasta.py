"""Protein sequences with the headers of DeepLoc 1.0: `>Q9H400 Cell.membrane-M test`.

After the name comes where the protein is, then M for a protein of a membrane, S for a soluble one
or U for one of which nobody knows, and `test` for a sequence to test on.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ieg.errors import InputError

#: Token 1 is the first letter. X stands for any amino acid, and for the rare and ambiguous ones.
LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
_AS_X = str.maketrans("BJOUZ", "XXXXX")
_HEADER = re.compile(r">(\S+)\s+(\S+)-([MSU])(\s+test)?\s*")


@dataclass
class Protein:
    """One sequence.

    Attributes:
      name: of the protein.
      kind: "M" membrane, "S" soluble or "U" unknown.
      test: whether it is one to test on.
      letters: the amino acids.
    """

    name: str
    kind: str
    test: bool
    letters: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether all letters stand for amino acids."""
        return set(self.letters) <= set(LETTERS)


def read(path: Path) -> list[Protein]:
    """The sequences of a file, whatever letters they have.

    Raises:
      InputError: it cannot be read, a header is not as described above, or a name comes twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror}); where to get it stands in data/README.md"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text") from None
    proteins: dict[str, Protein] = {}
    for number, line in enumerate(lines, start=1):
        if line.startswith(">"):
            header = _HEADER.fullmatch(line)
            if header is None:
                raise InputError(
                    f"{path}, line {number}: a header must be '>NAME PLACE-M', with M, S or U and "
                    f"perhaps 'test' behind it, not {line[:60]!r}"
                )
            name, _, kind, test = header.groups()
            if name in proteins:
                raise InputError(f"{path}, line {number}: {name} stands there already")
            last = proteins[name] = Protein(name, kind, test is not None)
        elif line.strip():
            if not proteins:
                raise InputError(f"{path}, line {number}: a sequence needs a header '>NAME ...'")
            last.letters += line.strip().upper().translate(_AS_X)
    return list(proteins.values())


def tokens(proteins: list[Protein], length: int) -> np.ndarray:
    """[N, length] int32: the first letters of each as 1 .. 21, then 0."""
    found = np.zeros([len(proteins), length], np.int32)
    for row, protein in zip(found, proteins, strict=True):
        cropped = protein.letters[:length]
        row[: len(cropped)] = [LETTERS.index(letter) + 1 for letter in cropped]
    return found
