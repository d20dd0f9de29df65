"""The Python of docs/python.md and of the README runs as it stands there, in its order."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def blocks(page: str = "docs/python.md") -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here: dict = {}
    for block in blocks():
        # As few epochs as make a difference.
        exec(block.replace("epochs=30", "epochs=6"), here)
    assert here["probabilities"].shape == (5, 10)
    assert np.mean(here["wrong"][here["suspicious"]]) > 0.8  # of all labels 0.3 are
    np.testing.assert_array_equal(here["same"].classes_, np.arange(10))
    assert (tmp_path / "digits" / "export" / "saved_model").is_dir()
    predicted = here["model"].predict(here["pixels"], verbose=0).argmax(axis=1)
    assert np.mean(predicted == here["truth"]) > 0.8


def test_l2r_has_fifteen_lines() -> None:
    (l2r,) = (block for block in blocks() if "def l2r_step" in block)
    step = l2r[l2r.index("@tf.function") :].strip().splitlines()
    assert len(step) == 15


def test_the_code_of_the_readme_runs() -> None:
    classifier, l2r = blocks("README.md")
    here: dict = {}
    exec(classifier.replace("epochs=30", "epochs=6"), here)
    assert np.mean(here["suspicious"] % 4 == 0) > 0.8  # of all labels 0.25 are wrong
    assert l2r in blocks()  # and so runs with the page
