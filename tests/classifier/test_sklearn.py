"""scikit-learn's own checks: all of them on features, a few of them in every run of the tests.

They only generate tables, so images are tested elsewhere.
"""

from typing import Any

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from ieg import RobustClassifier


def classifier() -> RobustClassifier:
    return RobustClassifier("supervised", epochs=20, batch_size=20)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:batch_size is")
@parametrize_with_checks([classifier()])
def test_all_checks(estimator: RobustClassifier, check: Any) -> None:
    check(estimator)


@pytest.mark.filterwarnings("ignore:batch_size is")
@pytest.mark.parametrize(
    "name",
    [
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_estimators_unfitted",
        "check_complex_data",
        "check_estimator_sparse_array",
        "check_classifiers_one_label",
        "check_supervised_y_no_nan",
        "check_requires_y_none",
        "check_n_features_in_after_fitting",
    ],
)
def test_quick_checks(name: str) -> None:
    getattr(estimator_checks, name)("RobustClassifier", classifier())
