"""Corrections from other tools: exports of Label Studio, cleanlab's tables of issues."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ieg.data import corrections
from ieg.errors import InputError

CLASSES = ("ant", "bee", "cat")
GIVEN = np.array([0, 1, 2, 0, 1, 2])
FILES = np.array([b"ant/1.jpg", b"bee/1.jpg", b"cat/my 2.jpg", b"ant/3.jpg", b"x/4.jpg", b"5.jpg"])
META = {"id": 7, "annotator": 1, "created_at": "2024", "updated_at": "2024", "lead_time": 3.5}


def apply(
    path: Path, files: np.ndarray | None = FILES, classes: tuple[str, ...] = CLASSES
) -> list[int]:
    given, in_use, _ = corrections.apply(
        path, GIVEN, np.arange(6), np.array([], int), class_names=classes, files=files
    )
    assert len(in_use) == 6
    return given.tolist()


def task(image: str, *choices: str, name: str = "choice", **more: Any) -> dict[str, Any]:
    results = [
        {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [choice]}}
        for choice in choices
    ]
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": results, **more}]}


def as_json(path: Path, tasks: object) -> Path:
    path.write_text(json.dumps(tasks, indent=1), encoding="utf-8-sig")
    return path


def test_label_studio_json(tmp_path: Path) -> None:
    tasks = [
        task("/data/local-files/?d=photos/ant/1.jpg", "ant", was_cancelled=False),
        task("https://host/photos/cat/my%202.jpg", "bee"),
        task("/data/upload/3/1a2b3c4d-3.jpg", "bee"),
        task("s3://bucket/x/4.jpg", "cat"),
        task("bee/1.jpg", "cat", was_cancelled=True),
        {"id": 2, "data": {"image": "5.jpg"}, "annotations": []},
    ]
    assert apply(as_json(tmp_path / "export.json", tasks)) == [0, 1, 1, 1, 2, 2]


def test_label_studio_json_min_and_csv(tmp_path: Path) -> None:
    rows = [{"image": "/data/upload/1/0123abcd-my_2.jpg", "choice": "ant", "annotation_id": 1}]
    rows += [{"image": "/data/x/4.jpg", "annotation_id": 2, "choice": {"choices": ["cat"]}}]
    path = as_json(tmp_path / "min.json", [row | META for row in rows])
    assert apply(path) == [0, 1, 0, 0, 2, 2]
    (tmp_path / "export.csv").write_text(
        "annotation_id,annotator,created_at,id,image,kind,lead_time,updated_at\n"
        "1,1,2024,7,/data/upload/1/0123abcd-my_2.jpg,ant,3.5,2024\n"
        '2,1,2024,8,/data/x/4.jpg,"{""choices"":[""cat""]}",3.5,2024\n'
        "3,1,2024,9,/data/bee/1.jpg,,3.5,2024\n"
    )
    assert apply(tmp_path / "export.csv") == [0, 1, 0, 0, 2, 2]


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("by_path", [False, True])
def test_a_table_of_cleanlab(numbers: bool, by_path: bool, tmp_path: Path) -> None:
    names = range(3) if numbers else CLASSES
    rows = [",is_label_issue,label_score,given_label,predicted_label" + ",path" * by_path]
    for i, (issue, given, predicted) in enumerate([(True, 0, 2), (False, 1, 2), (True, 2, 1)]):
        row = f"{i},{issue},0.5,{names[given]},{names[predicted]}"
        rows.append(row + f",{FILES[i].decode()}" * by_path)
    (tmp_path / "issues.csv").write_text("\n".join(rows))
    assert apply(tmp_path / "issues.csv", FILES if by_path else None) == [2, 1, 1, 0, 1, 2]


def test_the_table_that_cleanlab_itself_makes(tmp_path: Path) -> None:
    filters = pytest.importorskip("cleanlab.classification")
    pytest.importorskip("pandas")
    sure = np.full([60, 3], 0.05)
    truth = np.arange(60) % 3
    sure[np.arange(60), truth] = 0.9
    given = truth.copy()
    given[:2] = [1, 2]
    found = filters.CleanLearning().find_label_issues(labels=given, pred_probs=sure)
    found.to_csv(tmp_path / "issues.csv")
    corrected, _, done = corrections.apply(
        tmp_path / "issues.csv",
        given,
        np.arange(60),
        np.array([], int),
        class_names=CLASSES,
        files=None,
    )
    assert done.relabelled == 2 and corrected.tolist() == truth.tolist()


ISSUES = "is_label_issue,given_label,predicted_label"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[{", "a.json is no JSON: "),
        ("a.json", '{"a": 1}', "is no list of tasks, as Label Studio exports them"),
        ("a.json", [task("ant/1.jpg", "dog")], "'dog' is no class of this data set, which has ant"),
        ("a.json", [task("ant/1.jpg", "1")], "'1' is no class of this data set, which has ant"),
        ("a.json", [task("ant/9.jpg", "bee")], "ant/9.jpg is none of the 6 training images"),
        ("a.json", [task("/data/upload/1a2b3c4d-1.jpg", "bee")], "may be any of ant/1.jpg, bee/1"),
        ("a.json", [{"id": 1, "data": {"text": 3}}], "task 1: its data must have an image"),
        ("a.json", [META], "needs the columns image and choice, and this one has id, annotator"),
        (
            "a.json",
            [{"image": "5.jpg", "choice": {"choices": ["ant", "bee"]}}],
            "task 1 has 2 choices, and an image has one label",
        ),
        ("a.csv", "annotation_id,picture\n1,5.jpg\n", "needs the columns image and choice, and"),
        ("a.csv", "is_label_issue\nTrue\n", "lacks given_label, predicted_label, index or path: s"),
        ("a.csv", f"index,{ISSUES}\n0,yes,ant,bee\n", "is_label_issue must be True or False"),
        ("a.csv", f"index,{ISSUES}\n0,True,bee,cat\n", "is labelled 'ant' now, and the file was"),
        ("a.csv", f"index,{ISSUES}\n0,True,0,7\n", "is labelled 'ant' now, and the file was made"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str, content: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        as_json(path, content)
    with pytest.raises(InputError, match=message) as error:
        apply(path)
    assert "\n" not in str(error.value)


def test_two_controls_are_refused(tmp_path: Path) -> None:
    both = task("ant/1.jpg", "bee")
    both["annotations"][0]["result"] += task("", "good", name="quality")["annotations"][0]["result"]
    with pytest.raises(InputError, match="task 1 has choices of choice, quality; export one"):
        apply(as_json(tmp_path / "a.json", [both]))
