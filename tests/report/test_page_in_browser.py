"""The page of a run in headless Chromium, used the way that a person uses it."""

import csv
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ieg.data import corrections
from ieg.report.page.document import render
from tests.report import pages

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver import Chrome  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402

from benchmarks import page as benchmark  # noqa: E402

pytestmark = pytest.mark.skipif(
    benchmark.missing() is not None, reason=f"no browser: {benchmark.missing()}"
)
NAMES = pages.HOSTILE


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with benchmark.browser(tmp_path_factory.mktemp("user") / "chromium") as browser:
        yield browser


@pytest.fixture
def opened(chromium: Chrome, tmp_path: Path) -> Chrome:
    """The browser with the page of hostile names and without any decision."""
    return opened_page(chromium, tmp_path, render(pages.page(pages.audit())))


def opened_page(chromium: Chrome, folder: Path, text: str) -> Chrome:
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    chromium.get(file.as_uri())
    chromium.execute_script("localStorage.clear()")
    chromium.refresh()
    return chromium


def find(chromium: Chrome, selector: str) -> list:
    return chromium.find_elements(By.CSS_SELECTOR, selector)


def text_of(chromium: Chrome, identity: str) -> str:
    return chromium.find_element(By.ID, identity).text


def press(chromium: Chrome, *keys: str) -> None:
    """Keys for whatever has the focus, one by one."""
    for key in keys:
        chromium.switch_to.active_element.send_keys(key)


def begin(chromium: Chrome) -> None:
    """The first card has the focus."""
    chromium.execute_script("document.querySelector('#cards .card').focus()")


def choose(chromium: Chrome, identity: str, value: str) -> None:
    Select(chromium.find_element(By.ID, identity)).select_by_value(value)


def focused(chromium: Chrome) -> str:
    return str(chromium.switch_to.active_element.get_attribute("id"))


def listed(chromium: Chrome) -> list[int]:
    """Rows of the cards on this page of the gallery."""
    return [int(card.get_attribute("id").removeprefix("row-")) for card in find(chromium, ".card")]


def saved(chromium: Chrome) -> Path:
    """The file that the button saves."""
    folder = Path(chromium.capabilities["chrome"]["userDataDir"])
    target = folder / "label_decisions.csv"
    target.unlink(missing_ok=True)
    chromium.find_element(By.ID, "save").click()
    deadline = time.monotonic() + 20
    while not target.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return target


def test_it_opens_without_a_complaint_and_nothing_in_a_name_runs(opened: Chrome) -> None:
    assert opened.get_log("browser") == []
    assert opened.title == NAMES[1]
    assert text_of(opened, "shown") == "1 to 48 of 200 labels"
    assert find(opened, "#cards b")[0].text == f"→ {NAMES[1]}"  # suggested for row 0
    assert not find(opened, "img[src=x]") and len(find(opened, "script")) == 3
    begin(opened)
    details = opened.find_element(By.ID, "inspector")
    assert f"{NAMES[0]} → {NAMES[1]}" in details.text and f"{NAMES[0]}/0" in details.text
    options = Select(opened.find_element(By.ID, "filter-given")).options
    labels = [option.get_property("textContent") for option in options]
    assert labels == ["all", *NAMES[:4]]
    press(opened, "w")
    assert opened.title == NAMES[1] and opened.get_log("browser") == []


def test_similar_images_stand_beside_a_label(opened: Chrome) -> None:
    begin(opened)
    shown = find(opened, "#neighbors div > span")
    assert [image.text for image in shown] == [NAMES[1], NAMES[2]]
    assert len(find(opened, "#neighbors img")) == 2
    press(opened, Keys.ARROW_RIGHT)
    same = find(opened, "#neighbors .same")
    assert [image.text for image in same] == [NAMES[1]]  # row 5, given as row 1 is
    press(opened, Keys.ARROW_RIGHT)
    assert not opened.find_element(By.ID, "neighbors").is_displayed()


def test_the_policy_stops_what_is_not_of_the_page(opened: Chrome) -> None:
    opened.execute_script(
        "const img = document.createElement('img'); img.src = 'https://localhost:9/x.png';"
        "document.body.append(img);"
        "document.body.insertAdjacentHTML('beforeend', '<b onclick=\"document.title=1\">x</b>');"
        "document.body.lastChild.click();"
    )
    time.sleep(0.2)
    assert opened.title == NAMES[1]
    messages = [entry["message"] for entry in opened.get_log("browser")]
    assert len(messages) == 2 and all("Content Security Policy" in text for text in messages)


def test_keys_mark_and_move(opened: Chrome) -> None:
    begin(opened)
    press(opened, "w", "f", Keys.ARROW_RIGHT, "U")
    assert focused(opened) == "row-4"
    assert text_of(opened, "count") == "3 decided: 1 wrong, 1 fine, 1 unsure"
    marks = [card.text.splitlines()[-1] for card in find(opened, ".card")[:5]]
    assert [marks[k] for k in (0, 1, 3)] == ["✗ wrong", "✓ fine", "? unsure"]
    label = find(opened, ".card")[0].get_attribute("aria-label")
    assert label.endswith(f"score 1.000, wrong, new label {NAMES[1]}")
    press(opened, Keys.ARROW_LEFT, "u")  # the same again takes it back, and stays
    assert focused(opened) == "row-3"
    assert text_of(opened, "count") == "2 decided: 1 wrong, 1 fine, 0 unsure"
    press(opened, Keys.HOME, "f")  # another one replaces it
    assert text_of(opened, "count") == "2 decided: 0 wrong, 2 fine, 0 unsure"
    below = find(opened, ".card")
    across = next(k for k, card in enumerate(below) if card.location["y"] > below[0].location["y"])
    press(opened, Keys.HOME, Keys.ARROW_DOWN)
    assert focused(opened) == f"row-{across}"
    press(opened, Keys.END, Keys.ARROW_RIGHT)
    assert focused(opened) == "row-48" and text_of(opened, "shown") == "49 to 96 of 200 labels"
    press(opened, Keys.PAGE_DOWN, Keys.PAGE_UP, Keys.PAGE_UP)
    assert focused(opened) == "row-0"
    press(opened, Keys.ARROW_LEFT, Keys.CONTROL + "f")
    assert focused(opened) == "row-0"
    style = "return getComputedStyle(document.activeElement).outlineStyle"
    assert opened.execute_script(style) == "solid"
    assert len(find(opened, ".card[tabindex='0']")) == 1


def test_a_new_label_can_be_chosen_or_left_out(opened: Chrome) -> None:
    begin(opened)
    press(opened, "n")
    assert focused(opened) == "new-label"
    own = find(opened, "#new-label option[value='0']")[0]
    assert own.get_property("disabled")
    choose(opened, "new-label", "3")
    press(opened, Keys.ESCAPE)
    assert focused(opened) == "row-0" and "1 wrong" in text_of(opened, "count")
    assert find(opened, "#mark-wrong[aria-pressed=true]")
    press(opened, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, "w", Keys.ARROW_LEFT)  # row 2: none suggested
    assert opened.find_element(By.ID, "new-label").get_property("value") == ""
    opened.find_element(By.ID, "mark-fine").click()
    rows = read(saved(opened))
    assert [(row["decision"], row["new_label"]) for row in rows] == [
        ("wrong", NAMES[3]),
        ("fine", ""),
    ]
    said = "; saved where your browser saves files, for --label_corrections"
    assert text_of(opened, "count").count(said) == 1
    find(opened, "#mark-unsure")[0].click()
    assert said not in text_of(opened, "count")  # that decision is in no file


def test_saying_wrong_after_choosing_a_label_confirms_it(opened: Chrome) -> None:
    begin(opened)
    choose(opened, "new-label", "3")
    find(opened, "#mark-wrong")[0].click()  # by mouse
    assert focused(opened) == "row-1" and text_of(opened, "count").startswith("1 decided: 1 wrong")
    press(opened, "n")
    choose(opened, "new-label", "3")
    press(opened, Keys.ESCAPE, "w")  # by key
    assert focused(opened) == "row-2" and text_of(opened, "count").startswith("2 decided: 2 wrong")
    assert [row["new_label"] for row in read(saved(opened))] == [NAMES[3]] * 2
    begin(opened)
    press(opened, Keys.HOME, "w")  # for the second time
    assert focused(opened) == "row-0" and text_of(opened, "count").startswith("1 decided")
    choose(opened, "new-label", "3")
    opened.find_element(By.ID, "mark-fine").click()  # another mark is no confirmation
    press(opened, Keys.ARROW_LEFT, "w", Keys.ARROW_LEFT, "w")
    assert text_of(opened, "count").startswith("1 decided")


def test_the_card_shows_what_was_decided(opened: Chrome) -> None:
    def labels() -> list[str]:
        card = find(opened, ".card .labels")[0]
        assert card.get_attribute("title") == card.get_property("textContent")
        return [part.get_property("textContent") for part in card.find_elements(By.XPATH, "*")]

    begin(opened)
    assert labels() == [NAMES[0], f"→ {NAMES[1]}"]
    for value, shown in (("3", NAMES[3]), ("", "left out"), ("2", NAMES[2])):
        choose(opened, "new-label", value)
        assert labels() == [NAMES[0], f"→ {shown}"]
    opened.refresh()
    assert labels() == [NAMES[0], f"→ {NAMES[2]}"]
    begin(opened)
    press(opened, "w")
    assert labels() == [NAMES[0], f"→ {NAMES[1]}"]  # taken back
    press(opened, "f", Keys.ARROW_LEFT)
    assert labels() == [NAMES[0]]


def test_keys_work_without_a_click(opened: Chrome) -> None:
    find(opened, "a[href='#audit']")[0].click()
    time.sleep(0.1)
    assert focused(opened) == "row-0"
    press(opened, Keys.ARROW_RIGHT, "w")
    assert focused(opened) == "row-2" and text_of(opened, "count").startswith("1 decided: 1 wrong")
    opened.refresh()  # with #audit in the address
    assert focused(opened) == "row-0"
    look_at = "document.activeElement.blur(); document.querySelector(arguments[0]).scrollIntoView()"
    opened.execute_script(look_at, "header")
    press(opened, "f")  # the gallery is out of sight
    assert text_of(opened, "count").startswith("1 decided")
    opened.execute_script(look_at, "#audit")
    press(opened, "f")
    assert focused(opened) == "row-1" and text_of(opened, "count").startswith("2 decided")
    opened.find_element(By.ID, "filter-given").send_keys("u")
    assert text_of(opened, "count").startswith("2 decided")  # a key for the field


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_decisions_are_saved_as_they_are_and_can_be_read_by_a_training(opened: Chrome) -> None:
    begin(opened)
    press(opened, *"wwwfuwww")
    rows = read(saved(opened))
    audit = pages.audit()
    assert list(rows[0]) == [
        *("index", "path", "given_label", "suggested_label", "score", "decision", "new_label"),
    ]
    decided = ["wrong"] * 3 + ["fine", "unsure"] + ["wrong"] * 3
    for k, (row, decision) in enumerate(zip(rows, decided, strict=True)):
        suggested = NAMES[audit.suggested[k]]
        kept = decision != "wrong" or audit.suggested[k] == audit.given[k]
        assert row["path"] == f"{NAMES[k]}/{k}" and row["index"] == str(1000 - k)
        assert (row["given_label"], row["suggested_label"]) == (NAMES[k % 4], suggested)
        assert float(row["score"]) == pytest.approx(audit.score[k])
        assert (row["decision"], row["new_label"]) == (decision, "" if kept else suggested)
    found = corrections.read(saved(opened))
    assert [row.path for row in found] == [row["path"] for row in rows]
    assert b"caf\xe9.jpg" in saved(opened).read_bytes()


def test_decisions_outlast_the_page_and_belong_to_its_labels(
    opened: Chrome, tmp_path: Path
) -> None:
    begin(opened)
    press(opened, *"wfu")
    opened.refresh()
    assert text_of(opened, "count") == "3 decided: 1 wrong, 1 fine, 1 unsure"
    assert find(opened, ".card")[0].text.endswith("✗ wrong")
    other = pages.page(pages.audit())
    (tmp_path / "other.html").write_text(
        render(replace(other, key="other labels")), encoding="utf-8"
    )
    opened.get((tmp_path / "other.html").as_uri())
    assert text_of(opened, "count").startswith("0 decided")
    assert not opened.find_element(By.ID, "save").is_enabled()


def test_what_the_labels_were_corrected_by_is_shown_and_saved_again(
    chromium: Chrome, tmp_path: Path
) -> None:
    columns = ("index", "path", "given_label", "decision", "new_label")
    cells = [
        ("1000", f"{NAMES[0]}/0", NAMES[1], "wrong", NAMES[0]),  # row 0 by its path
        ("998", "", NAMES[2], "fine", ""),  # row 2 by its index
        ("7", "no longer/there.jpg", NAMES[2], "wrong", ""),
    ]
    earlier = [dict(zip(columns, row, strict=True)) for row in cells]
    audit = replace(pages.audit(), earlier=earlier)
    opened_page(chromium, tmp_path, render(pages.page(audit)))
    marks = [mark.text for mark in find(chromium, ".card .mark")[:4]]
    assert marks == ["corrected", "", "✓ before", ""]
    assert find(chromium, ".card")[2].get_attribute("aria-label").endswith("✓ before")
    score = find(chromium, ".card .score")[0]  # no word runs into it
    assert score.get_property("scrollWidth") <= score.get_property("clientWidth") + 1
    choose(chromium, "filter-decision", "before")
    assert listed(chromium) == [0, 2]
    choose(chromium, "filter-decision", "none")
    assert listed(chromium)[:2] == [1, 3] and text_of(chromium, "shown").endswith("198 labels")
    choose(chromium, "filter-decision", "")
    begin(chromium)
    press(chromium, *"fw")
    rows = read(saved(chromium))
    assert [tuple(row[name] for name in columns) for row in rows[:3]] == cells
    assert [(row["index"], row["decision"]) for row in rows[3:]] == [
        ("1000", "fine"),
        ("999", "wrong"),
    ]
    assert len(corrections.read(saved(chromium))) == 5
    opened_page(chromium, tmp_path, render(pages.page(pages.audit())))
    assert not find(chromium, "#filter-decision [value=before]")
    assert not chromium.find_element(By.ID, "before").is_displayed()


@pytest.mark.parametrize("stored", ["not json", "7", '{"1000":7}', '{"1000":["toString",99]}'])
def test_what_another_page_stored_does_no_harm(opened: Chrome, stored: str) -> None:
    begin(opened)
    press(opened, "w")
    script = "localStorage.setItem(Object.keys(localStorage)[0], arguments[0])"
    opened.execute_script(script, stored)
    opened.refresh()
    assert text_of(opened, "count").startswith("0 decided") and len(listed(opened)) == 48


def test_of_a_group_of_copies_one_is_kept(opened: Chrome) -> None:
    labels, copies, outliers = find(opened, "#sections button")
    assert labels.text == "Wrong labels: 134" and copies.text == f"{NAMES[1]}: 2 groups"
    copies.click()
    assert listed(opened) == [3, 200, 5, 4, 8]
    assert text_of(opened, "shown") == "1 to 5 of 5 images"
    titles = [title.get_property("textContent") for title in find(opened, "#cards .group")]
    assert titles == [NAMES[0], NAMES[2]]
    tested = find(opened, "#row-200")[0]
    assert tested.find_element(By.CSS_SELECTOR, ".mark").text == "test"
    begin(opened)
    press(opened, Keys.ARROW_RIGHT, "w")  # an image to test on has no decision
    assert focused(opened) == "row-200" and text_of(opened, "count").startswith("0 decided")
    assert not opened.find_element(By.ID, "mark-wrong").is_enabled()
    press(opened, "k")  # and on to the next group
    assert focused(opened) == "row-5" and text_of(opened, "count").endswith("1 dropped")
    press(opened, Keys.ARROW_UP)
    assert focused(opened) == "row-3"
    press(opened, Keys.ARROW_DOWN)
    assert focused(opened) == "row-5"
    press(opened, Keys.ARROW_RIGHT)
    opened.find_element(By.ID, "keep-one").click()
    assert text_of(opened, "count") == "4 decided: 0 wrong, 1 fine, 0 unsure, 3 dropped"
    outliers.click()
    assert listed(opened) == [200] and not find(opened, "#cards .group")
    labels.click()
    assert len(listed(opened)) == 48
    assert find(opened, "#row-3 .labels b")[0].text == "→ left out"
    saved_rows = [(row["index"], row["decision"]) for row in read(saved(opened))]
    assert saved_rows == [("997", "drop"), ("996", "fine"), ("995", "drop"), ("992", "drop")]
    assert {row.decision for row in corrections.read(saved(opened))} == {"drop", "fine"}
    begin(opened)
    press(opened, "d", Keys.ARROW_LEFT, "d")  # taken back like every other mark
    assert text_of(opened, "count").startswith("4 decided")


def test_filters_and_orders(opened: Chrome) -> None:
    audit = pages.audit()
    row = np.arange(200)
    begin(opened)
    press(opened, *"wf")
    choose(opened, "per-page", "192")
    choose(opened, "filter-given", "1")
    assert listed(opened) == row[audit.given == 1].tolist()
    choose(opened, "filter-suggested", "2")
    other = audit.suggested != audit.given
    assert listed(opened) == row[(audit.given == 1) & other].tolist()
    choose(opened, "filter-decision", "fine")
    assert listed(opened) == [1]
    choose(opened, "filter-suggested", "0")
    assert text_of(opened, "shown") == "no label fits these filters"
    assert not opened.find_element(By.ID, "inspector").is_displayed()
    for identity in ("filter-given", "filter-suggested"):
        choose(opened, identity, "")
    choose(opened, "filter-decision", "none")
    assert text_of(opened, "shown") == "1 to 192 of 198 labels"
    choose(opened, "order", "index")
    assert listed(opened)[:3] == [199, 198, 197]
    opened.find_element(By.ID, "next").click()
    assert listed(opened) == [7, 6, 5, 4, 3, 2]
    assert not opened.find_element(By.ID, "next").is_enabled()
    choose(opened, "order", "given")
    assert audit.given[listed(opened)].tolist() == sorted(audit.given[2:].tolist())[:192]


def test_every_control_has_a_name_and_every_image_a_description(opened: Chrome) -> None:
    find(opened, "#sections button")[1].click()  # where all buttons are shown
    begin(opened)
    find(opened, "summary")[0].click()
    for control in find(opened, "select, button, input, a[href], [tabindex='0']"):
        assert control.accessible_name, control.get_attribute("outerHTML")
    assert all(image.get_attribute("alt") for image in find(opened, "img"))
    identities = [e.get_attribute("id") for e in find(opened, "[id]")]
    assert len(identities) == len(set(identities))
    levels = [int(e.tag_name[1]) for e in find(opened, "h1, h2, h3")]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))


#: Which texts have less than 4.5 : 1 against what is behind them, as WCAG 2 (AA) asks for.
CONTRAST = """
function light(c) {
  const v = c / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}
const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
function behind(element) {
  let layers = [];
  for (let e = element; e; e = e.parentElement) {
    const [r, g, b, a = 1] = numbers(getComputedStyle(e).backgroundColor);
    if (a > 0) layers.push([r, g, b, a]);
    if (a === 1) break;
  }
  return layers.reverse().reduce((under, [r, g, b, a]) =>
    [r, g, b].map((v, k) => a * v + (1 - a) * under[k]), [255, 255, 255]);
}
const found = [];
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const unseen = !e.checkVisibility() || ['OPTION', 'SCRIPT'].includes(e.tagName);
  if (!own || e.disabled || unseen) continue;
  const style = getComputedStyle(e);
  const colour = e.namespaceURI.endsWith('svg') ? style.fill : style.color;
  const [a, b] = [luminance(numbers(colour)), luminance(behind(e))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 120)}`);
}
return found;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_and_nothing_is_wider_than_a_phone(opened: Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    begin(opened)
    press(opened, *"wfu")
    assert opened.execute_script(CONTRAST) == []
    phone = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert opened.execute_script("return document.documentElement.scrollWidth") == 360
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_many_rows_are_shown_page_by_page(chromium: Chrome, tmp_path: Path) -> None:
    opened_page(chromium, tmp_path, render(benchmark.random_page(50_000, 8)))
    assert chromium.get_log("browser") == []
    assert text_of(chromium, "shown") == "1 to 48 of 50,000 labels"
    choose(chromium, "order", "index")
    assert len(listed(chromium)) == 48 and find(chromium, ".card .blank")
    choose(chromium, "order", "score")
    begin(chromium)
    press(chromium, "f")
    assert text_of(chromium, "count").startswith("1 decided")
    assert 0 < benchmark.opening_seconds(chromium) < 20


def test_examples_that_are_no_images_are_called_by_their_number(
    chromium: Chrome, tmp_path: Path
) -> None:
    text = render(pages.page(replace(pages.audit(), thumbnails=(), path=None)))
    opened_page(chromium, tmp_path, text)
    assert not find(chromium, "#cards img")
    assert find(chromium, ".blank")[0].text == "example 1000"
    begin(chromium)
    press(chromium, "w")
    (row,) = read(saved(chromium))
    assert (row["index"], row["path"], row["new_label"]) == ("1000", "", NAMES[1])


def test_without_an_audit_it_opens_too(chromium: Chrome, tmp_path: Path) -> None:
    opened_page(chromium, tmp_path, render(pages.page(None)))
    assert chromium.get_log("browser") == [] and find(chromium, "#classes table")
