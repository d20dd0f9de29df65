"""docs/options.md: every flag stands there once, with its help and its default."""

import dataclasses
import re

from ieg import config
from tests import option_tables


def test_the_page_has_every_flag_once_and_no_other() -> None:
    classes = config.option_classes().values()
    flags = {field.name for cls in classes for field in dataclasses.fields(cls)}
    listed = re.findall(r"^\| `--(\w+)` \|", option_tables.PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(flags)


def test_the_tables_say_what_the_help_says() -> None:
    made = option_tables.PAGE.read_text().split(option_tables.MARK)[1]
    assert made == option_tables.tables(), "python -m tests.option_tables writes them anew"
