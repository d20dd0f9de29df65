"""Decisions in the formats of other tools: exports of Label Studio, and cleanlab's issue tables.

Label Studio's JSON, JSON-MIN and CSV give an image, as an address or the place of an upload, and
the choice that a person made for it. Cleanlab's tables of label issues (`Datalab.get_issues`,
`CleanLearning.get_label_issues`, saved by `to_csv`) flag labels and name the class predicted.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from ieg.data import tables
from ieg.data.tables import Table
from ieg.errors import InputError

#: Columns of Label Studio beside the image and the choice.
_OF_LABEL_STUDIO = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
#: Titles of an index that pandas has written.
_INDEX = ("", "index", "Unnamed: 0")
#: In front of the names of files that were uploaded to Label Studio.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


class Labelled(NamedTuple):
    """Label of one image in another tool.

    Attributes:
      number: of the line or task.
      example: index of the image as text, or "" if it has a path.
      path: the image file, or "".
      given_label: class name or number before; "" if the tool does not know it.
      new_label: class name or number; "" for a label that is kept.
    """

    number: int
    example: str
    path: str
    given_label: str
    new_label: str


def label_studio_json(path: Path, content: bytes) -> list[Labelled]:
    """Choices in an export of Label Studio as JSON or JSON-MIN.

    Raises:
      InputError: it is no such export, or a task has no image or several choices.
    """
    try:
        tasks = json.loads(content)
    except ValueError as error:
        raise _refused(f"{path} is no JSON: {error}") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise _refused(f"{path} is no list of tasks, as Label Studio exports them")
    found = []
    for number, task in enumerate(tasks, 1):
        where = f"{path}, task {number}"
        if "data" in task:
            found += [Labelled(number, "", *pair) for pair in _of_task(task, where)]
            continue
        image, choice = _columns(list(task), where)
        if task.get(choice):
            label = _one(task[choice], where)
            found.append(Labelled(number, "", _text(task[image]), "", label))
    return found


def _of_task(task: Mapping[str, Any], where: str) -> Iterable[tuple[str, str, str]]:
    """Path, "" and label for each annotation of a task that was not cancelled."""
    data = task["data"] if isinstance(task["data"], dict) else {}
    texts = [value for value in data.values() if isinstance(value, str)]
    image = data.get("image", texts[0] if len(texts) == 1 else None)
    if not isinstance(image, str):
        raise _refused(
            f"{where}: its data must have an image, and have {', '.join(data) or 'none'}"
        )
    for annotation in task.get("annotations", []):
        results = [r for r in annotation.get("result", []) if r.get("type") == "choices"]
        if len({r.get("from_name") for r in results}) > 1:
            names = ", ".join(sorted(str(r.get("from_name")) for r in results))
            raise _refused(f"{where} has choices of {names}; export one of them")
        if results and not annotation.get("was_cancelled"):
            yield image, "", _one(results[0].get("value"), where)


def of_table(table: Table) -> list[Labelled] | None:
    """Rows of Label Studio's CSV or of cleanlab's table of issues; None for another table.

    Raises:
      InputError: a column that belongs to it is missing.
    """
    if table.column("is_label_issue") is not None:
        return list(_of_cleanlab(table))
    if table.column("annotation_id") is None:
        return None
    image, choice = _columns(table.header, str(table.path))
    at, of = table.header.index(image), table.header.index(choice)
    return [
        Labelled(line, "", cells[at], "", _one(cells[of], table.where(line)))
        for line, cells in table.rows
        if cells[of].strip()
    ]


def _columns(header: Sequence[str], where: str) -> tuple[str, str]:
    """Names of the columns with image and choice."""
    rest = [title for title in header if title not in _OF_LABEL_STUDIO]
    image = next((title for title in rest if tables.key(title) in ("image", "path")), None)
    choices = [title for title in rest if title != image]
    choice = "choice" if "choice" in choices else choices[0] if len(choices) == 1 else None
    if image is None or choice is None:
        raise _refused(
            f"{where}: an export of Label Studio needs the columns image and choice, and this one "
            f"has {', '.join(header)}"
        )
    return image, choice


def _one(value: Any, where: str) -> str:
    """The only choice in "cat", in {"choices": ["cat"]}, or in the latter as text."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value) if _is_json(value) else value
    if isinstance(value, dict):
        value = value.get("choices", [])
    choices = value if isinstance(value, list) else [value]
    if len(choices) != 1:
        raise _refused(f"{where} has {len(choices)} choices, and an image has one label")
    return _text(choices[0]).strip()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _of_cleanlab(table: Table) -> Iterable[Labelled]:
    names = ("is_label_issue", "given_label", "predicted_label")
    columns = [table.column(name) for name in names]
    path = table.column("path", *tables.PATH_NAMES)
    index = next((k for k, title in enumerate(table.header) if title in _INDEX), None)
    lacking = [name for name, column in zip(names, columns, strict=True) if column is None]
    if path is None and index is None:
        lacking.append("index or path")
    if lacking:
        raise _refused(
            f"{table.path} lacks {', '.join(lacking)}: save cleanlab's table with its index, "
            'lab.get_issues("label").to_csv(...)'
        )
    for line, cells in table.rows:
        issue, given, predicted = (cells[k].strip() for k in columns if k is not None)
        if issue.lower() not in ("true", "false", "1", "0"):
            raise _refused(f"{table.where(line)}: is_label_issue must be True or False")
        yield Labelled(
            line,
            "" if index is None or path is not None else cells[index].strip(),
            "" if path is None else cells[path],
            given,
            predicted if issue.lower() in ("true", "1") else "",
        )


def _refused(problem: str) -> InputError:
    return InputError(problem, option="label_corrections")


def file_of(address: str, names: Sequence[str]) -> list[str]:
    """Image files that an address may mean.

    Args:
      address: as Label Studio has it, such as "/data/local-files/?d=photos/ant/1.jpg",
        "s3://bucket/photos/ant/1.jpg" or "/data/upload/3/1a2b3c4d-1.jpg".
      names: paths of all images.
    Returns:
      the longest path that the address ends with; else those with the name of an uploaded file.

    >>> file_of("/data/upload/3/1a2b3c4d-my_1.jpg", ["ant/my 1.jpg", "bee/2.jpg"])
    ['ant/my 1.jpg']
    """
    text = unquote(address.rpartition("?d=")[2])
    ends = [name for name in names if text == name or text.endswith(f"/{name}")]
    if ends:
        return [max(ends, key=len)]
    file = text.rpartition("/")[2]
    wanted = {file, _UPLOADED.sub("", file)}
    return [name for name in names if name.rpartition("/")[2].replace(" ", "_") in wanted]
