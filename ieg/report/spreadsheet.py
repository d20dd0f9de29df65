"""Tables as an .xlsx file, for those who want one; needs openpyxl, which is optional."""

import importlib.util
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ieg.errors import InputError


def require() -> None:
    """Raises InputError when openpyxl is not installed."""
    if importlib.util.find_spec("openpyxl") is None:
        raise InputError("--write_xlsx needs openpyxl: pip install openpyxl (or ieg[xlsx])")


def write(path: Path, sheets: Mapping[str, Mapping[str, Sequence[float | None]]]) -> None:
    """Writes one sheet per table, under its name when it is complete.

    Args:
      path: the file; one of that name is replaced.
      sheets: name → column → values, all columns of a sheet equally long; None is an empty cell.
    Raises:
      InputError: openpyxl is not installed, or the file cannot be written.
    """
    require()
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, columns in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append(list(columns))
        for row in zip(*columns.values(), strict=True):
            sheet.append(row)
        sheet.freeze_panes = "A2"
    content, temporary = io.BytesIO(), path.with_name(f".{path.name}.tmp")
    book.save(content)
    try:
        temporary.write_bytes(content.getvalue())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
