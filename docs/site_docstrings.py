"""Docstrings as the API reference of the site takes them."""

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> .*(?:\n.*\S.*)*", re.MULTILINE)
_SECTION = re.compile(r"(?<=[^\n])\n(?=(?:Args|Attributes|Raises|Returns):\n)")


class Docstrings(griffe.Extension):
    """Fences doctests, which are text to Markdown otherwise, and sets sections apart."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring:
            apart = _SECTION.sub("\n\n", obj.docstring.value)
            obj.docstring.value = _DOCTEST.sub(r"```pycon\n\g<0>\n```", apart)
