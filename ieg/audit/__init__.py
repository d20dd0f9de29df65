"""Label audit: which given labels are probably wrong, for the outputs of any model.

`estimate` scores labels, `measure` says how well scores find wrong labels where the truth is known,
and `agreement` says from held-out examples whether the model has learned enough for its scores to
mean anything. `evidence` weighs several classifiers together, on features of a backbone
for one. `find_copies` groups copies of one image, `find_outliers` finds images that belong to no
class, and `nearest` searches neighbors, all by features of a pretrained network.
`annotators` joins the labels of several people, `condition` finds images in bad condition.
Arrays in, arrays out; nothing here needs TensorFlow.

>>> import numpy as np
>>> from ieg import audit
>>> probabilities = np.array([[0.95, 0.05]] * 5 + [[0.05, 0.95]] * 5)
>>> labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
>>> found = audit.estimate(labels, probabilities=probabilities)
>>> np.flatnonzero(found.score > audit.THRESHOLD), found.suggested[4]
(array([4]), np.int64(0))
"""

from ieg.audit import agreement, annotators, condition, evidence
from ieg.audit.copies import CopyGroup, find_copies
from ieg.audit.neighbors import Neighbors, nearest
from ieg.audit.outliers import Outliers, find_outliers
from ieg.audit.quality import FIRST, measure
from ieg.audit.scores import THRESHOLD, Estimate, estimate, from_posterior

__all__ = [
    "FIRST",
    "THRESHOLD",
    "CopyGroup",
    "Estimate",
    "Neighbors",
    "Outliers",
    "agreement",
    "annotators",
    "condition",
    "estimate",
    "evidence",
    "find_copies",
    "find_outliers",
    "from_posterior",
    "measure",
    "nearest",
]
