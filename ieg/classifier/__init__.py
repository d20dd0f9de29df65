"""`ieg.RobustClassifier`: all methods of the package behind scikit-learn's interface."""

from ieg.classifier.estimator import RobustClassifier

__all__ = ["RobustClassifier"]
