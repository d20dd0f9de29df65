"""HTML that is put together from parts, so that no text can become markup by mistake."""

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any


class Html(str):
    """Markup that is complete and safe; every other string is text and gets escaped."""


def element(name: str, *content: str | None, **attributes: str | int | bool | None) -> Html:
    """One element with its content.

    Args:
      name: of the element.
      content: markup as `Html`, any other string as text; None is left out.
      attributes: class_="a" and aria_label="b" become class="a" and aria-label="b"; True is an
        attribute without a value, None and False are left out.
    """
    given = {key.strip("_").replace("_", "-"): value for key, value in attributes.items()}
    words = [name]
    for key, value in given.items():
        if value is True:
            words.append(key)
        elif value is not None and value is not False:
            words.append(f'{key}="{escaped(str(value))}"')
    start = f"<{' '.join(words)}>"
    return Html(start if name in _VOID else f"{start}{join(content)}</{name}>")


def join(parts: Iterable[str | None]) -> Html:
    """Parts one after the other: `Html` as it is, text escaped, None left out."""
    return Html("".join(escaped(part) for part in parts if part is not None))


def escaped(text: str) -> Html:
    """Text as markup; what is no character (bytes of a file name that is no UTF-8) becomes "?"."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(text.encode(errors="replace").decode()))


def json_block(identity: str, content: Any) -> Html:
    """A script element that is data: it is never run, and nothing in it ends it.

    Everything beyond ASCII is written as \\uXXXX, and so are the characters that mean something in
    HTML.

    Raises:
      ValueError: a number is not finite; None says that it is unknown.
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return element("script", Html(text), id=identity, type="application/json")


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text_columns: int = 1,
    class_: str | None = None,
) -> Html:
    """A table whose first cell of each row names it.

    Args:
      caption: of the table.
      header, rows: texts.
      text_columns: how many columns from the left are words; the others are numbers.
      class_: for the style sheet.
    """

    def cell(name: str, number: int, text: str, scope: str | None = None) -> Html:
        kind = None if number < text_columns else "number"
        return element(name, text, scope=scope, class_=kind)

    heads = [cell("th", number, text, "col") for number, text in enumerate(header)]
    lines = [
        element(
            "tr",
            element("th", first, scope="row"),
            *(cell("td", number, text) for number, text in enumerate(rest, start=1)),
        )
        for first, *rest in rows
    ]
    return scrolling(
        caption,
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", *heads)),
            element("tbody", *lines),
            class_=class_,
        ),
    )


def scrolling(name: str, content: Html) -> Html:
    """A part that may be too large for its place: it scrolls by itself, by keyboard too."""
    return element("div", content, class_="scrolling", role="region", aria_label=name, tabindex=0)


def definitions(facts: Iterable[tuple[str, str]]) -> Html:
    """Terms with their texts."""
    pairs = [element("div", element("dt", term), element("dd", text)) for term, text in facts]
    return element("dl", *pairs)


_VOID = frozenset({"img"})
