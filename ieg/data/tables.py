"""CSV files of people: encodings, separators and names of columns as spreadsheets leave them."""

import csv
import io
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ieg.errors import InputError

#: Usual names of the column path.
PATH_NAMES = ("filename", "file", "file_path", "image", "image_path")
_SEPARATORS = ",;\t"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Content of a CSV file.

    Attributes:
      path: the file.
      header: names of the columns as they stand in the file, without spaces around them.
      rows: number of its line, and as many cells as the header has, of each row. Those of a file
        are read anew for each pass: a million of them would take 300 MB.
    """

    path: Path
    header: tuple[str, ...]
    rows: Iterable[tuple[int, list[str]]]

    def column(self, name: str, *others: str) -> int | None:
        """Find a column whatever the case, spaces, hyphens and underscores of its name.

        Args:
          name: name of the column.
          others: further names, which count only if there is no column of the first.
        Returns:
          its place in the header; None if there is none.
        Raises:
          InputError: several columns could be meant.
        """
        found = [k for k, title in enumerate(self.header) if key(title) == key(name)]
        if len(found) > 1:
            raise InputError(f"{self.path} has the column {name} more than once")
        if not found:
            wanted = {key(other) for other in others}
            found = [k for k, title in enumerate(self.header) if key(title) in wanted]
        if len(found) > 1:
            titles = " and ".join(self.header[k] for k in found)
            raise InputError(f"{self.path} has the columns {titles}; call the right one {name}")
        return found[0] if found else None

    def where(self, line: int) -> str:
        """Place of a row for messages."""
        return f"{self.path}, line {line}"


def read(path: Path, *, option: str | None = None, errors: str = "strict") -> Table:
    """Read a CSV file whose first line names the columns; see `lines`.

    Empty cells behind the last column are left out.

    Raises:
      InputError: it cannot be read, or a row has more or fewer cells than the first line.
    """
    _, first = next(lines(path, option=option, errors=errors), (1, []))
    header = tuple(title.strip() for title in first)
    rows = _Rows(path, len(header), option, errors)
    for _ in rows:  # to find errors before anything else happens
        pass
    return Table(path, header, rows)


@dataclass(frozen=True)
class _Rows:
    """Rows of a file below its first line, each `width` cells wide."""

    path: Path
    width: int
    option: str | None
    errors: str

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        found = lines(self.path, option=self.option, errors=self.errors)
        for number, cells in itertools.islice(found, 1, None):
            while len(cells) > self.width and not cells[-1].strip():
                cells.pop()
            if len(cells) != self.width:
                raise InputError(
                    f"{self.path}, line {number}: {len(cells)} cells, but the first line has "
                    f"{self.width}; a name with a comma must stand in quotes",
                    option=self.option,
                )
            yield number, cells


def lines(
    path: Path, *, option: str | None = None, errors: str = "strict"
) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each line with content, of a CSV file in UTF-8 or marked UTF-16.

    The separator is the one of comma, semicolon and tab that gives the first line most cells.

    Args:
      path: the file.
      option: the option that names it, for messages.
      errors: "strict", or "surrogateescape" for a file that may name files in other encodings.
    Raises:
      InputError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            encoding = "utf-16" if file.read(2) in _UTF16 else "utf-8-sig"
            file.seek(0)
            text = io.TextIOWrapper(file, encoding, errors, newline="")
            yield from _parsed(text)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", option=option) from None
    except UnicodeError as error:
        raise InputError(
            f"{path} is no CSV file in UTF-8: {error}; save it as CSV in UTF-8", option=option
        ) from None
    except csv.Error as error:
        raise InputError(
            f"{path} is no CSV file: {error}; a cell with a separator, a quote or a line break "
            'must stand in quotes, with "" for a quote',
            option=option,
        ) from None


def _parsed(text: TextIO) -> Iterator[tuple[int, list[str]]]:
    first = next((line for line in text if line.strip()), "").rstrip("\r\n")
    text.seek(0)
    reader = csv.reader(text, strict=True, delimiter=_separator(first))
    for cells in reader:
        if any(map(str.strip, cells)):
            yield reader.line_num, cells


def _separator(first: str) -> str:
    """Separator that gives the first line most cells; a comma if none does."""
    return max(_SEPARATORS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))


def key(title: str) -> str:
    """Letters and digits of the name of a column, alike in all its spellings.

    >>> key("True label") == key("true_label")
    True
    """
    return re.sub(r"[\W_]+", "", title.casefold())


def image_path(root: Path, text: str, where: str) -> str:
    r"""Path of an image file as a cell gives it.

    Spaces around it, a leading ~ and \ in the place of / count only if there is no file of exactly
    that name.

    Args:
      root: folder of the table, where relative paths begin.
      text: the cell.
      where: place of the cell, for the message.
    Raises:
      InputError: the cell is empty, has a line break or is the address of a web page.
    """
    name = text.strip()
    if not name or "\n" in name or "\0" in name:
        raise InputError(f"{where}: path must be one line of text")
    if _ADDRESS.match(name):
        raise InputError(
            f"{where}: {name} is an address; download the images, and give the paths of the files"
        )
    home = os.path.expanduser(name) if name.startswith("~/") else name
    spellings = (text, name, home, name.replace("\\", "/"))
    if len({*spellings}) == 1:  # a look at each of a million files takes seconds
        return name
    return next((path for path in spellings if os.path.exists(root / path)), name)
