"""Several people's labels at the end of an audit: tables, a line and warnings of a bad person."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ieg.audit.annotators import estimate, from_columns
from ieg.main import main
from ieg.report.annotators import People
from tests.data import trees
from tests.features.tiny import save_network

#: Training images, of three colors by turns; nine more are tested on.
COUNT = 45


def labels() -> list[tuple[int, str, int]]:
    """Image, person, label. Ann and Bob err on six images each, Eve answers at random."""
    random = np.random.default_rng(0).integers(3, size=COUNT + 9)
    found = []
    for k in range(COUNT + 9):
        ann, bob = (k + (k < 6)) % 3, (k + (6 <= k < 12)) % 3
        found += [(k, "ann", ann), (k, "bob", bob), (k, "eve", int(random[k]))]
    return found


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("people")
    for k in range(COUNT + 9):
        trees.write_image(root / f"{k}.png", k % 3, k)
    rows = [
        f"{k}.png,{trees.CLASSES[label]},{person},{'train' if k < COUNT else 'test'}"
        for k, person, label in labels()
    ]
    table = trees.write_table(root / "labels.csv", rows, "path,label,annotator,split")
    save_network(root / "tiny.keras")
    return [
        *(f"--dataset=csv:{table}", f"--backbone=file:{root / 'tiny.keras'}"),
        f"--feature_dir={root / 'features'}",
    ]


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_people_and_their_consensus(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ieg", "--mode=audit", *flags, f"--checkpoint_path={tmp_path}"]) == 0
    (people,) = tmp_path.rglob("annotators.csv")
    run, printed = people.parent, capsys.readouterr().out
    assert "135 labels of 45 images by 3 annotators; their consensus is trained on" in printed
    images = table(run / "consensus.csv")
    right = {k: trees.CLASSES[k % 3] for k in range(COUNT)}
    # Ann and Bob err equally often: only the pictures tell whose label is right.
    assert {int(row["index"]): row["consensus"] for row in images} == right
    assert {int(row["index"]): row["given_label"] for row in images} != right
    by_index = {row["index"]: row for row in table(run / "label_audit.csv")}
    assert all(row["given_label"] == by_index[row["index"]]["given_label"] for row in images)
    given = {k: {label for i, _, label in labels() if i == k} for k in range(COUNT)}
    differ = {k for k in range(COUNT) if len(given[k]) > 1}
    assert {int(row["index"]) for row in images if row["disagreement"] == "yes"} == differ
    assert {row["labels"] for row in images} == {"3"}
    quality = [float(row["quality"]) for row in images]
    assert quality == sorted(quality) and quality[0] > 0.5

    ann, bob, eve = table(people)
    assert [row["annotator"] for row in (ann, bob, eve)] == ["ann", "bob", "eve"]
    for row in (ann, bob):
        assert float(row["accuracy"]) == pytest.approx(39 / 45, abs=1e-3)
        assert (row["labels"], row["suspicion"]) == ("45", "")
    share = sum(label == k % 3 for k, who, label in labels() if who == "eve" and k < COUNT) / COUNT
    assert float(eve["accuracy"]) == pytest.approx(share, abs=1e-3)
    said = eve["suspicion"]
    assert said.startswith(f"agrees with the others on {share:.0%} of the images, where ")
    assert f"who disagree on {len(differ)} of 45 images; suspicious: eve; see" in printed
    assert f"warning: annotator eve is suspicious: {said}\n" in printed
    facts = json.loads((run / "audit.json").read_text())["annotators"]
    assert facts.pop("model_weight") > 0
    assert facts == {
        "people": 3,
        "labels": 135,
        "disagreements": len(differ),
        "suspicious": ["eve"],
    }
    page = (run / "report.html").read_text()
    assert "estimated accuracy" in page and f"Warning: annotator eve is suspicious: {said}" in page


def test_a_person_who_confuses_two_classes_is_described() -> None:
    columns = np.repeat([[0, 0, 0], [1, 1, 1], [2, 2, 1]], 40, axis=0)
    found = estimate(*from_columns(columns), num_examples=120, num_classes=3)
    unused = np.arange(120)
    people = People(
        unused, [""] * 120, found.label, unused, unused > 79, found, class_names=trees.CLASSES
    )
    # The others agree on 80 of its 120 labels. They never call a cat a bee: (0 + 1) / (80 + 3).
    assert people.suspicions() == [
        *("", ""),
        "agrees with the others on 67% of the images, where 100% would be expected; "
        "calls 100% of the class cat by the name of bee, the others 1%",
    ]


def test_a_network_votes_only_on_images_that_it_has_not_trained_on(
    flags: list[str], tmp_path: Path
) -> None:
    def weight(*more: str) -> float:
        words = ["--backbone=none", "--method=supervised", "--network_name=cnn", "--image_size=8"]
        words += ["--max_iteration=6", "--batch_size=15", f"--checkpoint_path={tmp_path}", *more]
        assert main(["ieg", flags[0], *words]) == 0
        (people,) = tmp_path.rglob("annotators.csv")
        facts = json.loads(people.with_name("audit.json").read_text())
        return float(facts["annotators"]["model_weight"])

    assert weight() == 0
    assert weight("--audit_folds=2") > 0
