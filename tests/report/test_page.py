"""The page of a run as text: what it holds, and that no text in it can be anything but text."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import tensorflow as tf

from ieg.data.files import Damage, FileImages
from ieg.drawing import canvas
from ieg.report import thumbnails
from ieg.report.page import charts, matrices, tables
from ieg.report.page.document import render
from ieg.report.page.markup import Html, element, join, json_block
from tests.report import pages


class Document(HTMLParser):
    """Tags with their attributes, and all text that is no script or style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.texts: list[str] = []
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = tag
        if tag in self.raw:
            self.raw[tag].append("")

    def handle_data(self, data: str) -> None:
        if self._within in self.raw:
            self.raw[self._within][-1] += data
        else:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = ""


@pytest.fixture(scope="module")
def text() -> str:
    return render(pages.page(pages.audit()))


def test_texts_stay_texts(text: str) -> None:
    document = Document(text)
    names = [name for _, attributes in document.tags for name in attributes]
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert len(document.raw["script"]) == 3 and len(document.raw["style"]) == 1
    shown = "".join(document.texts)
    for hostile in pages.HOSTILE[:-1]:
        assert hostile in shown
    assert "caf?.jpg" in shown  # the page itself is UTF-8
    text.encode()


def test_nothing_is_loaded_and_only_the_scripts_of_the_package_run(text: str) -> None:
    document = Document(text)
    policy = next(
        a["content"] for _, a in document.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    for kind, content in (
        ("style", document.raw["style"][0]),
        ("script", document.raw["script"][2]),
    ):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'; img-src data:;") and "unsafe" not in str(
        policy
    )
    for _, attributes in document.tags:
        assert not attributes.keys() & {"srcset", "action", "background"}
        assert str(attributes.get("src", "data:")).startswith("data:")
        assert str(attributes.get("href", "#")).startswith("#")
    assert "url(" not in document.raw["style"][0] and "@import" not in document.raw["style"][0]


def test_the_rows_come_back_from_the_page(text: str) -> None:
    audit = pages.audit()
    rows, pictures = (json.loads(block) for block in Document(text).raw["script"][:2])
    assert rows["classes"] == list(pages.HOSTILE[:4])
    assert rows["path"] == audit.path
    for name in ("index", "given", "suggested", "true"):
        assert rows[name] == getattr(audit, name).tolist()
    np.testing.assert_allclose(rows["score"], audit.score, rtol=1e-5)
    assert rows["evidence"]["loss"][:4] == [0.0, None, 0.2857, 0.4286]
    assert rows["evidence"][pages.HOSTILE[0]] == [pages.HOSTILE[4]] * 200
    assert pictures == {str(row): pages.PNG for row in [*range(100), 200]}
    assert [section["groups"][0]["rows"] for section in rows["sections"]] == [[3, 200], [200]]


def test_columns_of_unequal_length_are_refused() -> None:
    short = replace(pages.audit(), given=np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="equally long"):
        render(pages.page(short))


def test_without_an_audit_there_is_no_gallery() -> None:
    document = Document(render(pages.page(None)))
    identities = {a.get("id") for _, a in document.tags}
    assert {"summary", "curves", "classes", "settings"} <= identities
    assert not identities & {"audit", "cards", "audit-rows"}
    links = {str(a["href"])[1:] for tag, a in document.tags if tag == "a"}
    assert links <= identities


def test_accessible_names_are_there(text: str) -> None:
    tags = Document(text).tags
    assert ("html", {"lang": "en"}) in tags
    labelled = {a["for"] for tag, a in tags if tag == "label"}
    controls = [a["id"] for tag, a in tags if tag in ("select", "input", "textarea")]
    assert len(controls) == 6 and labelled == set(controls)
    assert all("alt" in a for tag, a in tags if tag == "img")
    assert all(a.get("aria-label") for tag, a in tags if a.get("role") in ("img", "region"))
    assert [tag for tag, _ in tags if re.fullmatch("h[1-6]", tag)][:2] == ["h1", "h2"]


def test_markup_is_made_by_element_alone() -> None:
    made = element("p", "a < b", element("b", "&"), None, class_='x"y', hidden=True, id=None)
    assert made == '<p class="x&quot;y" hidden>a &lt; b<b>&amp;</b></p>'
    assert join(["<", Html("<br>")]) == "&lt;<br>"
    assert element("img", alt="") == '<img alt="">'


def test_json_in_a_page_ends_no_script_and_is_ascii() -> None:
    content = ["</script>", "<!--", "\u2028", "&lt;", "ü\udcff"]
    block = json_block("x", content)
    inside = block.removeprefix('<script id="x" type="application/json">').removesuffix("</script>")
    assert inside.isascii() and not set("<>&") & set(inside)
    assert json.loads(inside) == content
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_block("x", [float("nan")])


def places(markup: str, look: str) -> np.ndarray:
    """[n, 2] points of the curve with these classes; the key of the legend comes after it."""
    path, _ = re.findall(rf'<path d="M([^"]+)" class="{look}">', markup)
    return np.array([point.split() for point in path.split("L")], float)


def test_curves_are_drawn_to_scale_and_skip_what_is_unknown() -> None:
    steps, values = np.array([0.0, 50, 75, 100]), np.array([0.0, 1.0, np.nan, 0.5])
    drawn = charts.line_chart("t", "u", steps, [charts.Line("a", canvas.VERMILLION, values)])
    points = places(drawn, "line c1")
    assert len(points) == 3
    (left, low), (middle, high), (right, half) = points
    assert middle - left == pytest.approx(right - middle)
    assert low > high and half == pytest.approx((low + high) / 2, abs=0.1)
    assert "t, u. a: 0.5" in drawn  # what a screen reader says


def test_a_histogram_shows_shares_of_each_group() -> None:
    groups = {"many": np.r_[np.zeros(30), np.ones(10)], "one": np.array([1.0, np.nan])}
    drawn = charts.histogram("t", groups)
    assert drawn is not None
    assert "many: 40, mean 0.25" in drawn and "one: 1, mean 1" in drawn
    heights = []
    for colour in ("c0", "c1"):
        (path,) = re.findall(rf'<path d="([^"]+)" class="bars {colour}">', drawn)
        up = np.array(re.findall(r"V([\d.]+)H", path), float)
        heights.append(float(path.split("V")[-1][:-1]) - up)
    assert heights[0][0] == pytest.approx(3 * heights[0][-1], abs=0.3)
    assert heights[1][-1] == pytest.approx(4 / 3 * heights[0][0], abs=0.3)
    assert charts.histogram("t", {"none": np.array([np.nan])}) is None


def test_a_small_matrix_shows_every_cell_and_a_large_one_the_largest() -> None:
    counts = np.array([[8, 2], [0, 0]])
    small = matrices.square("c", counts, ["x", "y"], rows="true", columns="predicted")
    assert '<td class="s8 own">8</td><td class="s2">2</td>' in small
    assert '<td class="s0">·</td><td class="s0 own">·</td>' in small  # a class without images
    large = np.zeros((30, 30), np.int64)
    large[3, 4], large[7, 1], large[5, 5] = 3, 9, 99
    large[3, 3] = 1
    names = [f"n{k}" for k in range(30)]
    listed = matrices.square("c", large, names, rows="true", columns="predicted")
    cells = re.findall(r"<t[hd][^>]*>([^<]+)</t[hd]>", listed.split("<tbody>")[1])
    assert cells == ["n7", "n1", "100.0 %", "9", "n3", "n4", "75.0 %", "3"]


def test_accuracies_stand_beside_the_size_of_their_class() -> None:
    groups = {"many": np.array([True, False]), "few": np.array([False, True])}
    per_class, by_group = tables.accuracies(
        ["x", "y"], np.array([1200, 3]), [0.5, None], groups, {"many": 0.5, "few": None},
        np.array([7, 0]),
    )  # fmt: skip
    cells = re.compile(r"<t[hd][^>]*>([^<]+)</t[hd]>")
    assert cells.findall(per_class)[5:] == ["x", "many", "1,200", "0.5000", "7", "y", "few", "3",
                                            "n/a", "0"]  # fmt: skip
    assert cells.findall(by_group)[4:] == ["many", "1", "1,200", "0.5000", "few", "1", "3", "n/a"]


def decoded(uri: str) -> np.ndarray:
    return tf.io.decode_image(base64.b64decode(uri.split(",")[1])).numpy()


def test_small_images_keep_every_pixel() -> None:
    rng = np.random.default_rng(0)
    for shape in ((70, 8, 8, 1), (3, 32, 20, 3)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        found = thumbnails.data_uris(pixels)
        assert len(found) == len(pixels) and thumbnails.is_small(pixels)
        np.testing.assert_array_equal([decoded(uri) for uri in found], pixels)


def test_large_images_are_reduced(tmp_path) -> None:
    pixels = np.full((1, 300, 200, 3), (200, 100, 0), np.uint8)
    (uri,) = thumbnails.data_uris(pixels)
    assert uri.startswith("data:image/jpeg;base64,") and not thumbnails.is_small(pixels)
    assert decoded(uri).shape == (128, 85, 3)
    np.testing.assert_allclose(decoded(uri).mean(axis=(0, 1)), (200, 100, 0), atol=3)
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(pixels[0, :200]).numpy())
    files = FileImages(str(tmp_path), np.array([b"a.png"] * 2), 100, Damage(1, 0.0))
    assert [decoded(uri).shape for uri in thumbnails.data_uris(files)] == [(100, 100, 3)] * 2


def test_pictures_end_where_the_page_would_become_too_large(monkeypatch) -> None:
    pixels = np.zeros((20, 8, 8, 1), np.uint8)
    each = len(thumbnails.data_uris(pixels)[0])
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 5 * each)
    assert len(thumbnails.data_uris(pixels)) == 5
    assert len(thumbnails.data_uris(pixels, share=0.4)) == 2
    monkeypatch.setattr(thumbnails, "MOST", 3)
    assert len(thumbnails.data_uris(pixels)) == 3
    assert thumbnails.data_uris(pixels[:0]) == []


def test_a_page_of_many_rows_stays_below_its_bound() -> None:
    pytest.importorskip("selenium", reason="selenium is not installed")
    from benchmarks import page as benchmark

    side = thumbnails.LARGEST_KEPT  # the largest pictures, of which no format makes less
    page = benchmark.random_page(100_000, side)
    assert page.audit is not None and len(page.audit.index) == 100_000
    assert 1000 < len(page.audit.thumbnails) < thumbnails.MOST  # the bound on bytes holds first
    assert len(render(page).encode()) < 40e6
