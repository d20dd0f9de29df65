"""Pages for tests, with names that would do harm if anything in them were markup or code."""

import numpy as np

from ieg.report.page import charts, matrices, tables
from ieg.report.page.document import Audit, Group, Other, Page, Section

#: Class names and paths that try to leave their place. The last stands for a file name in bytes
#: that are no UTF-8.
HOSTILE = (
    "<img src=x onerror=\"document.title='run'\">",
    "</script><script>document.title='run'</script>",
    "a \"quoted\", 'name'",
    "=HYPERLINK(0)",
    "Füße 靴 😀 \u2028 line",
    "${title} $policy {{7*7}}",
    "two\nlines &amp; more",
    "caf\udce9.jpg",
)

#: One pixel.
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwAB"
    "AQEAGkqIcwAAAABJRU5ErkJggg=="
)


def audit(rows: int = 200, thumbnails: int = 100) -> Audit:
    """Row r is example 1000 - r, given class r mod 4; every third row has no other suggestion."""
    row = np.arange(rows)
    given = row % 4
    return Audit(
        index=1000 - row,
        path=[f"{HOSTILE[r % len(HOSTILE)]}/{r}" for r in row],
        given=given,
        suggested=np.where(row % 3 == 2, given, (given + 1) % 4),
        true=np.where(row % 2 == 0, (given + 1) % 4, -1),
        score=1 - row / rows,
        evidence={"loss": np.where(row == 1, np.nan, row / 7), HOSTILE[0]: [HOSTILE[4]] * rows},
        thumbnails=[PNG] * min(rows, thumbnails),
        pixelated=True,
        sections=[
            Section(
                HOSTILE[1],
                "2 groups",
                [
                    Group(HOSTILE[0], [3, rows], [HOSTILE[3], "0.990"]),
                    Group(HOSTILE[2], [5, 4, 8], ["1.000", "0.991", "0.992"]),
                ],
                one_each=True,
            ),
            Section("Outliers", "1", [Group("", [rows], [HOSTILE[1]])]),
        ],
        others=[Other("test", 997, f"{HOSTILE[5]}/test", 2)],
        pictures={rows: PNG},
        neighbors=[[1, 2], [0, 5]],
    )


def page(audited: Audit | None) -> Page:
    """One of everything, with hostile texts wherever there is a text."""
    names = HOSTILE[:4]
    steps, values = np.array([1.0, 2.0, 3.0]), np.array([0.1, np.nan, 0.3])
    chart = charts.line_chart(
        HOSTILE[0], HOSTILE[1], steps, [charts.Line(HOSTILE[2], charts.canvas.BLUE, values)]
    )
    bars = charts.histogram(HOSTILE[1], {HOSTILE[0]: values})
    assert bars is not None
    counts = np.array([[5, 1, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [2, 0, 0, 6]])
    group = {HOSTILE[1]: np.array([True] * 4)}
    return Page(
        title=HOSTILE[1],
        key=HOSTILE[0],
        class_names=names,
        headline={HOSTILE[0]: (HOSTILE[1], HOSTILE[2])},
        facts={HOSTILE[0]: [(HOSTILE[1], text) for text in HOSTILE]},
        charts=[chart, bars],
        matrices=[matrices.square(HOSTILE[0], counts, names, rows=HOSTILE[1], columns="b")],
        tables=tables.accuracies(
            names, counts.sum(axis=0), [0.5, None, 1.0, 0.25], group, {HOSTILE[1]: 0.5}
        ),
        pictures={HOSTILE[0]: b"no picture, but bytes"},
        settings=[(HOSTILE[0], text, "the command line") for text in HOSTILE],
        audit=audited,
    )
