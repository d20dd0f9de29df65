"""`ieg.RobustClassifier`: every method of this package with scikit-learn's conventions."""

from ieg.classifier.estimator import RobustClassifier

__all__ = ["RobustClassifier"]
