"""docs/tutorial.ipynb: its cells in their order, and what they find."""

import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs/tutorial.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_and_finds_wrong_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if importlib.util.find_spec("IPython") is None:
        display = types.ModuleType("IPython.display")
        display.IFrame = lambda src, **size: src
        monkeypatch.setitem(sys.modules, "IPython.display", display)
    names: dict[str, Any] = {}
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        assert not cell["outputs"]  # which would hold somebody's paths
        exec("".join(cell["source"]), names)
    plt.close("all")
    assert names["wrong"] > 20 and names["found"] / names["wrong"] > 0.6
    files, labels = names["files"], names["labels"]
    assert names["corrected"].score(files, labels) >= names["classifier"].score(files, labels)
