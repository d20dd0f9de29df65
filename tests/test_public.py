"""The public surface: the names of `import ieg`, the command `ieg`, and types for others."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import ieg

ROOT = Path(__file__).parents[1]


def test_the_package_gives_what_the_page_lists() -> None:
    page = (ROOT / "docs/python.md").read_text()
    listed = re.findall(r"^\| `ieg\.(\w+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(ieg.__all__)
    assert set(listed) <= set(dir(ieg))
    for name in listed:
        assert getattr(ieg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ieg.nothing  # noqa: B018


def test_importing_the_package_imports_nothing_slow() -> None:
    code = """
import sys, ieg
ieg.InputError, ieg.TrainingStopped, ieg.audit
loaded = {"tensorflow", "keras", "matplotlib"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_command_of_the_installed_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    command = EntryPoint("ieg", scripts["ieg"], "console_scripts").load()
    monkeypatch.setattr(sys, "argv", ["ieg", "--help"])
    assert command() == 0
    assert capsys.readouterr().out.startswith("usage: ")
