"""Tables as an .xlsx file; needs openpyxl, which is optional."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

from ieg import atomic
from ieg.errors import InputError


def require() -> None:
    """Raise InputError when openpyxl is not installed."""
    if importlib.util.find_spec("openpyxl") is None:
        raise InputError("needs openpyxl: pip install openpyxl (or ieg[xlsx])", option="write_xlsx")


def write(path: Path, sheets: Mapping[str, Mapping[str, Sequence[float | None]]]) -> None:
    """Write one sheet per table.

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
    with atomic.replacing(path) as temporary:
        book.save(temporary)
