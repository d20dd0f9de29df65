"""RobustClassifier: what goes in, what comes out, and that fitted ones can be kept."""

import csv
import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import make_blobs
from sklearn.metrics import roc_auc_score

import ieg
from ieg import RobustClassifier, decoding, networks
from ieg.classifier import saved
from ieg.classifier.datasets import collected
from ieg.classifier.examples import Form
from ieg.config import resolve
from tests import runs
from tests.data import trees

QUICK = {"epochs": 2, "batch_size": 20}


def blobs(count: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels as text, and which of these are wrong: every fifth."""
    X, truth = make_blobs(count, n_features=4, centers=3, cluster_std=0.5, random_state=0)
    wrong = np.arange(count) % 5 == 0
    given = np.array(["ant", "bee", "cat"])
    return 1e4 + X, given[np.where(wrong, (truth + 1) % 3, truth)], wrong


def squares(count: int = 60, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images: dark, or bright."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    return (rng.integers(0, 100, (count, side, side, 1)) + 150 * y[:, None, None, None]).astype(
        np.uint8
    ), y


@pytest.fixture(scope="module")
def features() -> RobustClassifier:
    X, y, _ = blobs()
    return RobustClassifier("supervised", epochs=30, batch_size=20).fit(X, y)


@pytest.fixture(scope="module")
def images() -> RobustClassifier:
    return RobustClassifier("supervised", **QUICK).fit(*squares())


@pytest.fixture(scope="module")
def unit() -> RobustClassifier:
    """Fitted on the same images as floats in [0, 1], without an axis of colors."""
    X, y = squares()
    return RobustClassifier("supervised", **QUICK).fit(X[..., 0] / 255, y)


def test_wrong_labels_are_found_among_features(features: RobustClassifier) -> None:
    X, y, wrong = blobs()
    assert features.classes_.tolist() == ["ant", "bee", "cat"]
    assert features.n_features_in_ == 4 and features.n_iter_ == 30 * 6
    assert features.label_quality_.shape == (120,)
    assert features.label_quality_.min() >= 0 and features.label_quality_.max() <= 1
    assert roc_auc_score(~wrong, features.label_quality_) > 0.95
    assert features.noise_rate_ == pytest.approx(1 - features.label_quality_.mean())
    changed = features.suggested_labels_ != y
    np.testing.assert_array_equal(changed, features.label_quality_ < 0.5)
    p = features.predict_proba(X)
    assert p.shape == (120, 3) and p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(features.predict(X), features.classes_[p.argmax(axis=1)])
    assert features.score(X[~wrong], y[~wrong]) > 0.95


#: Fits twice where nothing has made TensorFlow deterministic before.
TWICE = """
import sys
import numpy as np
import ieg
X, y = np.load(sys.argv[1]), np.load(sys.argv[2])
def p(seed):
    made = ieg.RobustClassifier(
        "supervised", epochs=2, batch_size=20, random_state=seed, settings={"deterministic": True}
    )
    return made.fit(X, y).predict_proba(X)
first = p(0)
assert first.tobytes() == p(0).tobytes()
assert abs(first - p(1)).max() > 1e-5
"""


def test_deterministic_fits_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    X, y, _ = blobs()
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    words = [sys.executable, "-c", TWICE, str(tmp_path / "X.npy"), str(tmp_path / "y.npy")]
    subprocess.run(words, check=True, cwd=Path(__file__).parents[2], timeout=300)


def test_a_fitted_classifier_can_be_pickled(features: RobustClassifier) -> None:
    X, _, _ = blobs()
    copy = pickle.loads(pickle.dumps(features))
    np.testing.assert_array_equal(copy.predict_proba(X), features.predict_proba(X))
    np.testing.assert_array_equal(copy.suggested_labels_, features.suggested_labels_)
    assert copy.get_params() == features.get_params()


def test_a_fitted_classifier_is_saved_as_files(features: RobustClassifier, tmp_path: Path) -> None:
    X, y, _ = blobs()
    features.save(tmp_path / "kept")
    assert {p.name for p in (tmp_path / "kept").iterdir()} == {"model.keras", "classifier.json"}
    loaded = RobustClassifier.load(tmp_path / "kept")
    np.testing.assert_array_equal(loaded.predict(X), features.predict(X))
    np.testing.assert_array_equal(loaded.label_quality_, features.label_quality_)
    assert loaded.get_params() == features.get_params()
    assert loaded.classes_.dtype == y.dtype
    model = tmp_path / "kept" / "model.keras"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1  # in the weights
    model.write_bytes(content)
    with pytest.raises(ieg.InputError, match="kept has no classifier that can be read"):
        RobustClassifier.load(tmp_path / "kept")
    (tmp_path / "kept" / "classifier.json").write_text("{}")
    with pytest.raises(ieg.InputError, match="kept has no classifier that can be read"):
        RobustClassifier.load(tmp_path / "kept")


def test_suggestions_are_kept_where_classes_are_not_in_the_order_of_text(tmp_path: Path) -> None:
    inputs = keras.Input((2,))
    outputs = keras.layers.Softmax()(keras.layers.Dense(3)(inputs))
    fitted = saved.Fitted(
        model=keras.Model(inputs, outputs),
        classes=np.array(["2", "9", "10"]),  # as a CSV file has them
        form=Form("features", (2,)),
        label_quality=np.array([0.9, 0.1, 0.2, 0.3]),
        suggested=np.array([0, 2, 1, 2]),
        noise_rate=0.5,
        steps=1,
        card="",
        feature_names=None,
        paths=None,
    )
    saved.write(tmp_path / "first", fitted, {})
    first = RobustClassifier.load(tmp_path / "first")
    first.save(tmp_path / "second")
    params = {"run_folder": tmp_path, "settings": {"max_epoch": np.int64(3)}, "network": keras}
    with pytest.warns(UserWarning, match="^random_state cannot be saved"):
        saved.write(tmp_path / "first", fitted, {**params, "random_state": np.random})
    _, kept = saved.read(tmp_path / "first")
    assert kept == {"run_folder": str(tmp_path), "settings": {"max_epoch": 3}}
    assert {p.name for p in (tmp_path / "first").iterdir()} == {"model.keras", "classifier.json"}
    for copy in (
        first,
        RobustClassifier.load(tmp_path / "second"),
        pickle.loads(pickle.dumps(first)),
    ):
        assert copy.suggested_labels_.tolist() == ["2", "10", "9", "10"]


def test_what_is_saved_and_exported_is_not_read_from_a_pickle(
    features: RobustClassifier, tmp_path: Path
) -> None:
    (tmp_path / "classifier.json").write_bytes(pickle.dumps(features.get_params()))
    with pytest.raises(ieg.InputError, match="has no classifier"):
        RobustClassifier.load(tmp_path)


def test_an_export_gives_the_same_probabilities(
    features: RobustClassifier, images: RobustClassifier, tmp_path: Path
) -> None:
    for name, classifier, X in [
        ("features", features, blobs()[0].astype(np.float32)),
        ("images", images, squares()[0]),
    ]:
        classifier.export(tmp_path / name)
        model = keras.models.load_model(tmp_path / name / "model.keras")
        np.testing.assert_allclose(model(X), classifier.predict_proba(X), atol=1e-5)
        classes = json.loads((tmp_path / name / "classes.json").read_text())
        assert classes == classifier.classes_.astype(str).tolist()
    card = (tmp_path / "features" / "README.md").read_text()
    assert "Not measured: there were no examples to test on." in card
    assert f"estimates that {features.noise_rate_:.1%} of the labels are wrong" in card


def test_images_of_every_scale_are_the_same_images(
    images: RobustClassifier, unit: RobustClassifier
) -> None:
    X, _ = squares()
    expected = images.predict_proba(X)
    np.testing.assert_allclose(images.predict_proba(X.astype(np.float64)), expected, atol=1e-6)
    np.testing.assert_allclose(images.predict_proba(X[..., 0].astype(int)), expected, atol=1e-6)
    np.testing.assert_allclose(unit.predict_proba(X / 255), expected, atol=1e-4)
    assert images.n_features_in_ == unit.n_features_in_ == 64


def test_a_tf_dataset_is_the_same_as_arrays(images: RobustClassifier) -> None:
    X, y = squares()
    pairs = tf.data.Dataset.from_tensor_slices((X, y))
    for data in (pairs, pairs.batch(7)):
        for actual, expected in zip(collected(data, ordered=True), (X, y, None), strict=True):
            np.testing.assert_array_equal(actual, expected)
    fitted = RobustClassifier("supervised", **QUICK).fit(pairs)
    np.testing.assert_allclose(fitted.predict_proba(X), images.predict_proba(X), atol=1e-6)
    only = tf.data.Dataset.from_tensor_slices(X).batch(7)
    np.testing.assert_array_equal(images.predict(only), images.predict(X))
    assert images.score(pairs) == images.score(X, y)


def test_clean_examples_serve_a_look_ahead() -> None:
    X, y, wrong = blobs()
    clean = np.flatnonzero(~wrong)[:12]
    fitted = RobustClassifier("l2r", **QUICK).fit(X, y, X[clean], y[clean])
    assert fitted.label_quality_.shape == (120,)
    with pytest.raises(ieg.InputError, match='^method="l2r": needs clean examples: give X_probe'):
        RobustClassifier("l2r").fit(X, y)
    with pytest.raises(ieg.InputError, match="y_probe has the label 'dog', which is no class of y"):
        RobustClassifier("l2r").fit(X, y, X[:1], ["dog"])
    with pytest.warns(UserWarning, match="method='supervised' does not use X_probe"):
        RobustClassifier("supervised", **QUICK).fit(X, y, X[clean], y[clean])


def test_a_run_folder_keeps_what_the_command_keeps_and_is_gone_on_from(tmp_path: Path) -> None:
    X, y, _ = blobs()
    first = RobustClassifier("supervised", run_folder=tmp_path, **QUICK).fit(X, y)
    run = runs.only_run(tmp_path)
    assert run == tmp_path / "arrays" / "mlp" / "supervised" / "seed0"
    assert (run / "label_audit.csv").exists() and (run / "result.json").exists()
    data = json.loads((run / "data.json").read_text())
    held_out = data["evaluation_images"]  # a tenth of each class
    assert held_out in (11, 12, 13) and data["training_images"] == 120 - held_out
    assert f"On the {held_out} validation examples of the data" in first.card_
    before = runs.snapshot(run)
    again = RobustClassifier("supervised", run_folder=tmp_path, **QUICK).fit(X, y)
    assert runs.snapshot(run) == before
    np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))
    with pytest.raises(ieg.InputError, match="belongs to a run on other files or labels"):
        RobustClassifier("supervised", run_folder=tmp_path, **QUICK).fit(X[::-1], y)


def test_test_examples_are_what_accuracy_is_measured_on(tmp_path: Path) -> None:
    X, y, _ = blobs()
    fitted = RobustClassifier("supervised", run_folder=tmp_path, **QUICK).fit(
        X[:90], y[:90], X_test=X[90:], y_test=y[90:]
    )
    run = runs.only_run(tmp_path)
    data = json.loads((run / "data.json").read_text())
    assert (data["training_images"], data["evaluation_images"]) == (90, 30)
    with open(run / "label_audit.csv", newline="") as file:
        audited = list(csv.DictReader(file))
    rows = [int(row["index"]) for row in audited]
    scores = [float(row["score"]) for row in audited]
    np.testing.assert_allclose(fitted.label_quality_[rows], 1 - np.array(scores), atol=1e-6)


def test_an_audit_by_a_network_that_knows_nothing_warns() -> None:
    X, y, _ = blobs()
    shuffled = np.random.default_rng(1).permutation(y)
    classifier = RobustClassifier("supervised", **QUICK)
    with pytest.warns(UserWarning, match="do not go by this audit, its network cannot tell"):
        classifier.fit(X[:60], shuffled[:60], X_test=X[60:], y_test=shuffled[60:])
    assert "are wrong, but its network cannot tell the classes apart." in classifier.card_
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        taught = RobustClassifier("supervised", epochs=30, batch_size=20)
        taught.fit(X[:90], y[:90], X_test=X[90:], y_test=y[90:])
    assert f"{taught.noise_rate_:.1%} of the labels are wrong." in taught.card_


def test_votes_of_folds_that_know_nothing_warn_too(tmp_path: Path) -> None:
    X, y, _ = blobs()
    shuffled = np.random.default_rng(1).permutation(y)
    classifier = RobustClassifier(
        "supervised", run_folder=tmp_path, settings={"audit_folds": 2}, **QUICK
    )
    with pytest.warns(UserWarning, match="do not go by this audit.* of 107 labels that it has"):
        classifier.fit(X, shuffled)


def test_folders_and_tables_of_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photos = trees.write_folder(tmp_path / "photos")
    small = {"image_size": 8, "batch_size": 6, "max_iteration": 3}
    fitted = RobustClassifier("supervised", "cnn", settings=small).fit(str(photos))
    assert fitted.classes_.tolist() == list(trees.CLASSES)
    assert len(fitted.paths_) == len(fitted.label_quality_) == 30
    p = fitted.predict_proba(photos / "test")
    assert p.shape == (len(list((photos / "test").rglob("*.jpg"))), 3)
    with pytest.raises(ieg.InputError, match="^formats: 'tflite' is no format"):
        fitted.export(tmp_path / "export", formats=["tflite"])
    fitted.export(tmp_path / "export", formats="keras")
    model = keras.models.load_model(tmp_path / "export" / "model.keras")
    first = sorted((photos / "test").rglob("*.jpg"))[0]
    image = decoding.pixels(first.read_bytes())[np.newaxis]
    np.testing.assert_allclose(model(image), p[:1], atol=1e-5)
    (photos / "test" / "0.jpg").write_text("no image")  # the first of the folder
    again = fitted.predict_proba(photos / "test")
    assert np.isnan(again[0]).all() and fitted.predict(photos / "test")[0] == ""
    np.testing.assert_allclose(again[1:], p, atol=1e-6)
    assert "1 of 10 files cannot be read, and nothing is predicted for them" in caplog.text
    with pytest.raises(ieg.InputError, match="with a folder or a CSV file as X, labels"):
        RobustClassifier().fit(str(photos), [1, 2])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (squares()[0] / 255.0 - 0.5, squares()[1], "^pixels are from -0.5 to 0.476471; images are"),
        (squares()[0] / 10.0, squares()[1], "^pixels are from 0 to 24.9; images are whole numbers"),
        (squares()[0].astype(int) * 2, squares()[1], "^pixels are from 0 to 498; images are"),
        (np.full([4, 8, 8, 1], np.nan), [0, 1, 0, 1], "^images contain NaN or infinity; images"),
        (np.zeros([0, 8, 8, 1]), [], "^images must be an array .* not of shape \\(0, 8, 8, 1\\)$"),
        (squares()[0].astype(str), squares()[1], "^images of dtype <U"),
        (squares()[0], squares()[1][:-1], "^X has 60 examples and y 59 labels$"),
        (
            squares()[0],
            np.zeros(60),
            "^y has only one class, 0.0",
        ),
        (squares()[0], np.full(60, np.nan), "^y contains NaN, infinity or None"),
        (squares()[0], np.linspace(0, 1, 60), "^Unknown label type: continuous"),
        (squares()[0], None, "requires y to be passed, but the target y is None$"),
    ],
)
def test_bad_arrays_are_refused_in_one_line(X: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(ieg.InputError, match=message) as caught:
        RobustClassifier(**QUICK).fit(X, y)
    assert "\n" not in str(caught.value)


def test_other_examples_come_with_as_many_labels() -> None:
    X, y = squares()
    for given in ({"X_probe": X}, {"y_probe": y}):
        with pytest.raises(ieg.InputError, match="^X_probe and y_probe must be given together$"):
            RobustClassifier(**QUICK).fit(X, y, **given)
    with pytest.raises(ieg.InputError, match="^X_test has 60 examples and y_test 59 labels$"):
        RobustClassifier(**QUICK).fit(X, y, X_test=X, y_test=y[1:])


def test_bad_images_to_predict_are_refused(
    images: RobustClassifier, unit: RobustClassifier
) -> None:
    X, _ = squares()
    with pytest.raises(ieg.InputError, match="^images are 6x8x1, and the classifier was fitted on"):
        images.predict(X[:, :6])
    with pytest.raises(ieg.InputError, match="^pixels are from 0 to 249; the classifier was fitt"):
        unit.predict(X.astype(float))
    with pytest.raises(ieg.InputError, match="^files are color images"):
        images.predict("photos")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"augmentation": "twist"}, "^augmentation=.twist.: must be one of none, shift"),
        ({"method": "magic"}, "^unknown method 'magic'"),
        ({"network": "resnet32"}, "^network=.resnet32.: takes images, and the examples of"),
        (
            {"settings": {"seed": 1}},
            "^settings={.seed.: ...}: the classifier sets this",
        ),
        (
            {"settings": {"eval_split": "test"}, "run_folder": "never_made"},
            "^settings={.eval_split.: .test.}: needs X_test if run_folder is",
        ),
        (
            {"settings": {"max_epoch": 5}},
            "^epochs=.*: settings={.max_epoch.: ...} says it too; leave one of them out$",
        ),
        ({"backbone": "efficientnet"}, "^backbone=.efficientnet.: there is none"),
        ({"settings": {"depth": 1}}, "^settings={.depth.: ...}: no option of method=.fsr.$"),
        ({"settings": {"los": 1}}, "no option of method=.fsr. .did you mean 'loss'.*$"),
        ({"settings": {"audit_folds": 3}}, "^settings={.audit_folds.: ...}: needs run_folder"),
    ],
)
def test_bad_parameters_are_refused(params: dict, message: str) -> None:
    X, y, _ = blobs()
    with pytest.raises(ieg.InputError, match=message):
        RobustClassifier(**QUICK).set_params(**params).fit(X, y)


def test_parameters_as_searches_draw_them() -> None:
    X, y, _ = blobs()
    drawn = {
        "method": np.array(["supervised"])[0],
        "epochs": np.arange(2, 4)[0],
        "learning_rate": np.logspace(-3, -1, 3)[1],
        "settings": {"loss": np.str_("gce"), "gce_q": np.float32(0.5), "use_ema": np.False_},
    }
    assert RobustClassifier(**drawn).fit(X, y).n_iter_ == 20


def test_arrays_and_networks_of_ones_own_have_no_name() -> None:
    for option, value in (("dataset", "arrays"), ("network_name", "own")):
        with pytest.raises(ieg.InputError, match="unknown"):
            resolve({option: value})
    with pytest.raises(ieg.InputError, match="networks for those: linear, mlp$"):
        networks.create("cnn", (4,), 3, kind="features")
