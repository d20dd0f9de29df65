"""Protein sequences with the headers of DeepLoc 1.0: `>Q9H400 Cell.membrane-M test`.

After the name come the protein's place in the cell, then M for a membrane protein, S for a soluble
one or U for unknown, and `test` for a test sequence.
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
      test: True for a test sequence.
      letters: one for each amino acid.
    """

    name: str
    kind: str
    test: bool
    letters: str = ""

    @property
    def is_readable(self) -> bool:
        """True if all letters stand for amino acids."""
        return set(self.letters) <= set(LETTERS)


def read(path: Path) -> list[Protein]:
    """Read the sequences of a file, whatever letters they have.

    Raises:
      InputError: the file cannot be read, a header is malformed, or a name comes twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror}); data/README.md says where to get it"
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
    """[N, length] int32 tokens: letters as 1 .. 21, then 0; longer sequences are cropped.

    >>> tokens([Protein("Q9H400", "M", False, "ACD"), Protein("P1", "S", True, "YYYYYY")], 4)
    array([[ 1,  2,  3,  0],
           [20, 20, 20, 20]], dtype=int32)
    """
    found = np.zeros([len(proteins), length], np.int32)
    for row, protein in zip(found, proteins, strict=True):
        cropped = protein.letters[:length]
        row[: len(cropped)] = [LETTERS.index(letter) + 1 for letter in cropped]
    return found
