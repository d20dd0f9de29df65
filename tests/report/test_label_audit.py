"""The table of a label audit."""

import numpy as np

from ieg import audit
from ieg.report import label_audit


def test_the_table_begins_with_the_highest_score() -> None:
    examples = {
        "index": np.array([7, 5, 3, 1]),
        "given_label": np.array([0, 1, 1, 0]),
        "true_label": np.array([1.0, np.nan, 1.0, 0.0]),
        "visits": np.array([4, 0, 4, 4]),
        "loss": np.array([2.0, np.nan, 0.5, 0.1]),
        "margin": np.array([-1.0, np.nan, 1.0, 2.0]),
        "path": ["x/a.jpg", "x/b,c.jpg", 'x/"d".jpg', "x/é.jpg"],
        "given_class": ["ant", "bee", "bee", "ant"],
    }
    found = audit.Estimate(
        score=np.array([0.25, 0.75, 0.125, 0.25]),
        suggested=np.array([0, 0, 1, 0]),
        given_probability=np.array([0.5, 0.25, 1.0, 0.75]),
        noise_rate=0.3,
        transition=np.eye(2),
        temperature=1.0,
    )
    table = label_audit.sort(examples, found, {}).table(("ant", "bee"))
    assert list(table) == [
        "index", "path", "given_label", "suggested_label", "score", "true_label",
        "given_probability", "visits", "loss", "margin",
    ]  # fmt: skip
    assert list(table["index"]) == [5, 1, 7, 3]
    assert table["path"] == ["x/b,c.jpg", "x/é.jpg", "x/a.jpg", 'x/"d".jpg']
    assert table["given_label"] == ["bee", "ant", "ant", "bee"]
    assert table["suggested_label"] == ["ant", "ant", "ant", "bee"]
    assert table["true_label"] == ["", "ant", "bee", "bee"]
    np.testing.assert_array_equal(table["margin"], [np.nan, 2.0, -1.0, 1.0])
    del examples["path"]
    assert label_audit.sort(examples, found, {}).table(("ant", "bee"))["path"] == [""] * 4


def test_neighbors_are_places_in_the_sorted_list() -> None:
    angle = np.array([0.0, 0.1, 0.25, 2.0, 2.0, 2.3, 2.7])  # two equal images among them
    features = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    score = np.array([0.1, 0.9, 0.2, 0.8, 0.3, 0.4, 0.0])
    examples = {"index": np.arange(7), "given_label": np.zeros(7), "true_label": np.full(7, np.nan)}
    found = audit.Estimate(score, np.zeros(7, np.int64), score, 0.3, np.eye(2), 1.0)
    audited = label_audit.sort(examples, found, {}, features)
    assert audited.neighbors is not None
    named = audited.index[audited.neighbors]
    assert named.shape == (7, 5)
    place = {int(index): row for row, index in enumerate(audited.index)}
    assert list(named[place[1]][:2]) == [0, 2]
    assert named[place[3]][0] == 4 and named[place[4]][0] == 3
