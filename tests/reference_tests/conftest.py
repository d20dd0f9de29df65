"""Where the reference numbers are: IEG_REFERENCE_DIR, or the copy beside the tests."""

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def reference():
    """name → the arrays of name.npz."""
    folder = os.environ.get("IEG_REFERENCE_DIR") or Path(__file__).parents[1] / "reference"
    return lambda name: np.load(Path(folder) / f"{name}.npz", allow_pickle=False)
