"""ieg.audit as a library of its own."""

import subprocess
import sys
from pathlib import Path

WITHOUT_TENSORFLOW = """
import sys
import numpy as np
import ieg
found = ieg.audit.estimate([0, 1, 1], probabilities=[[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
ieg.audit.measure(found.score, [False, False, True])
ieg.audit.agreement.measure([[1, 0], [1, 1]])
ieg.audit.condition.find([None])
ieg.audit.evidence.combine({"one": [[1, 0], [0, 1]]}, [0, 1], [[0.9, 0.1], [0.1, 0.9]])
ieg.audit.annotators.estimate([0, 0], [0, 1], [1, 1], num_examples=1, num_classes=2)
features = np.eye(3, dtype=np.float32)
ieg.audit.nearest(features, 1)
ieg.audit.find_outliers(features, [0, 1, 1])
ieg.audit.find_copies(features, np.zeros([3, 32, 32], np.uint8))
print(sorted({"tensorflow", "keras"} & sys.modules.keys()))
"""


def test_it_works_without_tensorflow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
