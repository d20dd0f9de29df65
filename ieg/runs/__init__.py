"""A run folder: its files, each with one reader and one writer.

config.json       every setting and where its value came from
data.json         sizes, class counts and what the noise did
metrics.csv       one row per evaluation; an empty cell is unknown
result.json       written at the end; null is unknown
examples.csv      one row per training example
label_audit.csv   the same with a score, the most suspicious label first; audit.json sums it up
confusion.csv     test images of each class by prediction
copies.csv        groups of images that are copies; outliers.csv images that fit no class,
                  condition.csv images in bad condition: of a run on features of a backbone

Nothing here needs TensorFlow.
"""

from ieg.runs.finished import IDENTITY, Run, find_results, read_result, read_run
from ieg.runs.folder import RunFolder
from ieg.runs.metrics import Metrics, Row

__all__ = [
    "IDENTITY",
    "Metrics",
    "Row",
    "Run",
    "RunFolder",
    "find_results",
    "read_result",
    "read_run",
]
