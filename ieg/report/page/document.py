"""The whole page from plain values; nothing here reads a file of the run or knows TensorFlow."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from string import Template
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ieg.report.page.markup import Html, definitions, element, escaped, join, json_block, table

_FILES = resources.files(__package__)
_DIGITS = 6  # of a score that is saved again
_EVIDENCE_DIGITS = 4


class Group(NamedTuple):
    """Images that belong together.

    Attributes:
      title: above them, or "" for none.
      rows: k row numbers.
      notes: k short texts, one below each image.
    """

    title: str
    rows: Sequence[int]
    notes: Sequence[str]


class Section(NamedTuple):
    """Images to look at for another reason than their label.

    Attributes:
      title: of the section.
      size: number of its findings, in words.
      groups: in order; a row comes once.
      one_each: True if a single image of each group is to be kept.
    """

    title: str
    size: str
    groups: Sequence[Group]
    one_each: bool = False


@dataclass(frozen=True)
class Other:
    """An image that sections name and the audit of labels has no row of."""

    split: str
    index: int
    path: str
    given: int


@dataclass(frozen=True, eq=False)
class Audit:
    """Given labels, the most suspicious first, and other findings.

    Rows 0 to n - 1 are the labels, rows from n on the others.

    Attributes:
      index: [n] int, of the examples.
      path: n paths, or None when the images are no files.
      given, suggested, true: [n] int, numbers of classes; `true` is -1 where unknown.
      score: [n] in [0, 1].
      evidence: name → [n] float, nan where unknown; or n texts.
      thumbnails: data URIs of the first m ≤ n.
      pixelated: thumbnails are small and shown with sharp pixels.
      warning: stands above the rows where they cannot be believed, or "".
      earlier: decisions that the given labels have been corrected by, as `ieg.data.corrections`
        reads them: index or path, given_label, decision, new_label.
      sections: further findings.
      others: images that only these name.
      pictures: row → data URI, beside the thumbnails.
      neighbors: rows with the most similar images of the first labels, or empty.
    """

    index: NDArray[np.int64]
    path: Sequence[str] | None
    given: NDArray[np.int64]
    suggested: NDArray[np.int64]
    true: NDArray[np.int64]
    score: NDArray[np.float64]
    evidence: Mapping[str, NDArray[np.float64] | Sequence[str]]
    thumbnails: Sequence[str] = ()
    pixelated: bool = False
    warning: str = ""
    earlier: Sequence[Mapping[str, str]] = ()
    sections: Sequence[Section] = ()
    others: Sequence[Other] = ()
    pictures: Mapping[int, str] = field(default_factory=dict)
    neighbors: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, eq=False)
class Page:
    """Contents of the page. All texts are plain and may hold anything.

    Attributes:
      title: of the run.
      key: stands for run and labels; decisions are kept in the browser under it.
      class_names: K names.
      headline: the few numbers that matter: name → value and a note.
      facts: heading → (term, text) pairs.
      charts, matrices, tables: markup of curves and histograms, of class against class, and of the
        accuracy per class and group of classes.
      pictures: caption → PNG image, figures of the method itself.
      settings: rows flag, value, origin.
      audit: None without one.
    """

    title: str
    key: str
    class_names: Sequence[str]
    headline: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    facts: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    charts: Sequence[Html] = ()
    matrices: Sequence[Html] = ()
    tables: Sequence[Html] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    settings: Sequence[tuple[str, str, str]] = ()
    audit: Audit | None = None


def render(page: Page) -> str:
    """The HTML document, in ASCII apart from what texts hold.

    A Content-Security-Policy forbids the network and every script and style but those of this
    package, by their digests: markup that a text smuggled in would still not run.

    Raises:
      ValueError: the columns of the audit are not equally long.
    """
    style, script = _file("page.css"), _file("page.js")
    sections = {
        "summary": ("Summary", _summary(page)),
        "curves": ("Curves and histograms", _charts(page)),
        "classes": ("Classes", _tables(page)),
        "audit": ("Audit", _gallery(page)),
        "settings": ("Settings", _settings(page)),
    }
    shown = {name: section for name, section in sections.items() if section[1]}
    links = [element("a", title, href=f"#{name}") for name, (title, _) in shown.items()]
    body = [
        element("section", element("h2", title), content, id=name)
        for name, (title, content) in shown.items()
    ]
    return Template(_file("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {_digest(style)}; "
        f"script-src {_digest(script)}; base-uri 'none'; form-action 'none'",
        title=escaped(page.title),
        links=join(links),
        sections=join(body),
        data=Html("") if page.audit is None else _data(page, page.audit),
        style=style,
        script=script,
    )


def _summary(page: Page) -> Html:
    tiles = [
        element("div", element("dt", name), element("dd", value, element("small", note)))
        for name, (value, note) in page.headline.items()
    ]
    facts = [
        element("div", element("h3", heading), definitions(pairs))
        for heading, pairs in page.facts.items()
    ]
    return join(
        [
            element("dl", *tiles, class_="tiles") if tiles else None,
            element("div", *facts, class_="facts") if facts else None,
        ]
    )


def _charts(page: Page) -> Html:
    pictures = [
        element(
            "figure",
            element("figcaption", caption),
            element("img", src=_data_uri(image), alt=f"Figure of the method: {caption}"),
            class_="picture",
        )
        for caption, image in page.pictures.items()
    ]
    charts = element("div", *page.charts, class_="charts") if page.charts else None
    return join([charts, *pictures])


def _tables(page: Page) -> Html:
    shown = [*page.matrices, *page.tables]
    return element("div", *shown, class_="tables") if shown else Html("")


def _settings(page: Page) -> Html:
    if not page.settings:
        return Html("")
    listed = table("Every setting", ("flag", "value", "from"), page.settings, text_columns=3)
    return element("details", element("summary", f"{len(page.settings)} settings"), listed)


def _gallery(page: Page) -> Html:
    if page.audit is None:
        return Html("")
    warning = page.audit.warning
    said = element("p", warning, class_="warning", role="note") if warning else None
    return join([said, Html(_file("gallery.html"))])


def _data(page: Page, audit: Audit) -> Html:
    """Columns as arrays. Pictures stand in a block of their own: they are read after the rest."""
    columns: dict[str, Any] = {
        "index": audit.index.tolist(),
        "given": audit.given.tolist(),
        "suggested": audit.suggested.tolist(),
        "true": audit.true.tolist(),
        "score": _rounded(audit.score, _DIGITS),
    }
    evidence = {
        name: _rounded(v, _EVIDENCE_DIGITS) if isinstance(v, np.ndarray) else list(v)
        for name, v in audit.evidence.items()
    }
    paths = None if audit.path is None else list(audit.path)
    sizes = {len(column) for column in (*columns.values(), *evidence.values(), paths or [])}
    if len(sizes - ({0} if paths is None else set())) > 1:
        raise ValueError(f"the columns of an audit must be equally long, got {sorted(sizes)}")
    rows = {
        "key": page.key,
        "classes": list(page.class_names),
        "path": paths,
        **columns,
        "evidence": evidence,
        "pixelated": audit.pixelated,
        "noun": "image" if audit.thumbnails else "example",
        "earlier": [dict(row) for row in audit.earlier],
        "neighbors": [list(rows) for rows in audit.neighbors],
        "others": [asdict(row) for row in audit.others],
        "sections": [
            section._asdict() | {"groups": [group._asdict() for group in section.groups]}
            for section in audit.sections
        ],
    }
    pictures = {**dict(enumerate(audit.thumbnails)), **audit.pictures}
    thumbnails = json_block("audit-thumbnails", pictures)
    return join([json_block("audit-rows", rows), thumbnails])


def _rounded(values: NDArray[np.float64], digits: int) -> list[Any]:
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values.tolist()]


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _digest(text: str) -> str:
    """Name of an inline script or style in a policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")
