"""What people hand to `fit` and `predict`: read as it is meant, or refused in one line."""

import logging
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import sklearn
import tensorflow as tf
from PIL import Image

import ieg
from ieg import RobustClassifier
from ieg.classifier.datasets import collected
from ieg.classifier.examples import listed_paths, pixels
from ieg.classifier.labels import checked_labels

COLORS = {"ant": (200, 60, 60), "bee": (60, 60, 200)}
SMALL = {"image_size": 16, "batch_size": 6, "max_iteration": 4}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`<class>/<number>.png`, ten of each class, of two sizes; no two are equal."""
    root = tmp_path_factory.mktemp("photos")
    for name, color in COLORS.items():
        (root / name).mkdir()
        for number in range(10):
            tone = tuple(min(255, value + 5 * number) for value in color)
            Image.new("RGB", (20 + number % 2, 24), tone).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def files(photos: Path) -> tuple[list[Path], np.ndarray]:
    """Files in an order of their own, and their labels as numbers."""
    order = np.random.default_rng(0).permutation(20)
    paths = [sorted(photos.rglob("*.png"))[k] for k in order]
    return paths, np.array([3 + 4 * (path.parent.name == "bee") for path in paths])


@pytest.fixture(scope="module")
def fitted(files: tuple[list[Path], np.ndarray]) -> RobustClassifier:
    return RobustClassifier("supervised", "cnn", settings=SMALL).fit(*files)


def directory(root: Path, **options: Any) -> tf.data.Dataset:
    found: tf.data.Dataset = keras.utils.image_dataset_from_directory(
        root, image_size=(16, 16), batch_size=6, verbose=False, **options
    )
    return found


def test_files_are_fitted_and_predicted_in_the_order_of_their_list(
    fitted: RobustClassifier, files: tuple[list[Path], np.ndarray], photos: Path
) -> None:
    paths, labels = files
    assert fitted.classes_.tolist() == [3, 7]
    assert fitted.paths_ == [str(path) for path in paths]
    kept = fitted.label_quality_ >= 0.5
    np.testing.assert_array_equal(fitted.suggested_labels_[kept], labels[kept])
    p = fitted.predict_proba(photos)
    place = {path: k for k, path in enumerate(sorted(photos.rglob("*.png")))}
    assert len(np.unique(p.round(6), axis=0)) > 10  # else any order would do
    rows = p[[place[path] for path in paths]]
    np.testing.assert_allclose(fitted.predict_proba(paths), rows, atol=1e-6)
    table = fitted.predict_table(photos)
    assert table["path"] == [str(path.relative_to(photos)) for path in sorted(place)]
    np.testing.assert_array_equal(np.transpose([table["p(3)"], table["p(7)"]]), p)
    one = fitted.predict_proba(paths[0])
    np.testing.assert_allclose(one, rows[:1], atol=1e-6)


def test_the_background_of_training_is_that_of_predictions(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        Image.new("RGBA", (20, 20), (40 * (number % 2), 200, 60, 100)).save(path)
    settings = SMALL | {"background": "black"}
    fitted = RobustClassifier("supervised", "cnn", settings=settings).fit(paths, [0, 1] * 4)
    opaque = [path.with_suffix(".bmp") for path in paths]
    for path, plain in zip(paths, opaque, strict=True):
        black = Image.new("RGBA", (20, 20), "black")
        Image.alpha_composite(black, Image.open(path)).convert("RGB").save(plain)
    expected = fitted.predict_proba(opaque)
    np.testing.assert_allclose(fitted.predict_proba(paths), expected, atol=1e-5)


def test_a_list_of_files_gives_a_row_for_each(
    fitted: RobustClassifier,
    files: tuple[list[Path], np.ndarray],
    photos: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photos)
    first = "ant/0.png"
    with caplog.at_level(logging.WARNING):
        table = fitted.predict_table([first, "gone.png", first, str(photos / first)])
    assert table["path"] == [first, "gone.png", first, str(photos / first)]
    assert table["predicted_label"][1] is None and np.isnan(table["p(3)"][1])
    assert table["p(3)"][0] == table["p(3)"][2] == table["p(3)"][3]
    assert "1 of 4 files cannot be read, and nothing is predicted for them: gone.png" in caplog.text
    predicted = fitted.predict([first, "gone.png"])
    assert predicted.tolist() == [table["predicted_label"][0], None]
    right = fitted.predict([first])[0]
    assert fitted.score([first, "gone.png"], [right, 3]) == 0.5


def test_a_run_on_files_is_known_by_their_places(
    files: tuple[list[Path], np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, labels = files
    model = RobustClassifier("supervised", "cnn", settings=SMALL, run_folder=str(tmp_path))
    first = model.fit(paths, labels, X_test=paths[:4], y_test=labels[:4])
    assert first.paths_ == [str(path) for path in paths]
    assert "On the 4 test examples of the data" in first.card_
    monkeypatch.chdir(tmp_path)
    again = sklearn.clone(model).fit(paths, labels, X_test=paths[:4], y_test=labels[:4])
    np.testing.assert_array_equal(again.label_quality_, first.label_quality_)
    with pytest.raises(ieg.InputError, match="belongs to a run on other files or labels"):
        model.fit(paths[::-1], labels[::-1], X_test=paths[:4], y_test=labels[:4])


def test_files_that_do_not_exist_are_not_trained_on(files: tuple[list[Path], np.ndarray]) -> None:
    paths, labels = files
    with pytest.raises(ieg.InputError, match="^X has files that do not exist: gone.png$"):
        RobustClassifier().fit([*paths[:-1], "gone.png"], labels)
    with pytest.raises(ieg.InputError, match="^X has 20 examples and y 19 labels$"):
        RobustClassifier().fit(paths, labels[1:])


def test_a_directory_in_a_fixed_order_names_its_files(photos: Path) -> None:
    data = directory(photos, shuffle=False)
    model = RobustClassifier("supervised", epochs=2, batch_size=10).fit(data)
    assert model.paths_ == data.file_paths and model.paths_[0].endswith("ant/0.png")
    arrays, labels, _ = collected(data, ordered=True)
    np.testing.assert_array_equal(model.predict_proba(data), model.predict_proba(arrays))
    assert model.predict_table(data)["path"] == data.file_paths
    assert model.score(directory(photos, seed=1)) == model.score(arrays, labels)
    for use in (model.fit, model.predict, model.predict_table):
        with pytest.raises(
            ieg.InputError, match="^the tf.data.Dataset gives another order.*its file_paths"
        ):
            use(directory(photos, seed=1))


@pytest.mark.parametrize("mode", ["int", "binary", "categorical"])
@pytest.mark.parametrize("batched", [True, False])
def test_labels_of_a_directory_are_numbers_of_its_classes(
    photos: Path, mode: str, batched: bool
) -> None:
    data = directory(photos, shuffle=False, label_mode=mode)
    found = collected(data if batched else data.unbatch(), ordered=True)
    assert found.X.shape == (20, 16, 16, 3)
    labels = checked_labels(found.y, 20)
    assert labels.dtype.kind == "i" and labels.tolist() == [0] * 10 + [1] * 10


@pytest.mark.parametrize("batched", [True, False])
def test_a_dataset_without_labels(photos: Path, batched: bool) -> None:
    data = directory(photos, shuffle=False, label_mode=None)
    found = collected(data if batched else data.unbatch(), ordered=True)
    assert found.X.shape == (20, 16, 16, 3) and found.y is None


def test_batches_are_told_from_examples_by_their_shapes() -> None:
    gray, y = np.zeros([12, 8, 8], np.uint8), np.arange(12)
    one_hot = np.eye(8, dtype=np.float32)[y % 8]
    for x in (gray, gray[..., np.newaxis], np.zeros([12, 8])):
        for labels in (y, one_hot):
            pairs = tf.data.Dataset.from_tensor_slices((x, labels))
            for data in (pairs, pairs.batch(4), pairs.batch(4, drop_remainder=True)):
                if data is pairs and x is gray and labels is one_hot:
                    continue  # an image of 8 rows with 8 labels, or a batch of 8 features
                found = collected(data, ordered=False)
                assert found.X.shape == x.shape and found.y.shape == labels.shape


def test_values_that_change_at_random_are_refused() -> None:
    rng = np.random.default_rng(0)
    shape = tf.TensorSpec([3], tf.float64), tf.TensorSpec([], tf.int64)
    data = tf.data.Dataset.from_generator(
        lambda: ((rng.normal(size=3), k) for k in range(4)), output_signature=shape
    )
    with pytest.raises(ieg.InputError, match="without random changes"):
        collected(data, ordered=True)
    assert collected(data, ordered=False).X.shape == (4, 3)


def test_labels_beside_a_dataset_belong_to_a_fixed_order(photos: Path) -> None:
    plain, y = directory(photos, shuffle=False, label_mode=None), np.arange(20) % 3
    assert collected(plain, y, ordered=False).y is y
    with pytest.raises(ieg.InputError, match="^the tf.data.Dataset gives another order"):
        collected(directory(photos, seed=1, label_mode=None), y, ordered=False)
    with pytest.raises(ieg.InputError, match="^the tf.data.Dataset has labels of its own; leave"):
        collected(directory(photos, shuffle=False), y, ordered=False)


class NotAvailable:
    """As pandas.NA: equal to nothing, and without a truth value."""

    def __eq__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["ant", float("nan"), "bee"], "^y contains NaN, infinity or None"),
        (["ant", None, "bee"], "^y contains NaN, infinity or None"),
        (["ant", NotAvailable(), "bee"], "^y contains NaN, infinity or None"),
        ([1, NotAvailable(), 2], "^y contains NaN, infinity or None"),
        (np.array([1.0, np.nan, 2.0], object), "^y contains NaN, infinity or None"),
        (np.array(["2020-01-01", "NaT", "NaT"], "M8[D]"), "^y contains NaN, infinity or None"),
        ([1, "1", 2], "^y mixes numbers and text, such as 1 and '1'; make"),
        (np.array(["ant", 1, "bee"], object), "^y mixes numbers and text, such as 'ant' and 1"),
        ([[0, 1], [1, 1], [0, 1]], "^y should be a 1d array, got an array of shape \\(3, 2\\)"),
    ],
)
def test_labels_that_are_missing_or_mixed_are_refused(y: Any, message: str) -> None:
    with pytest.raises(ieg.InputError, match=message):
        checked_labels(y, 3)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([True, False], [True, False]),
        ([np.int8(3), 4], [3, 4]),
        (np.array(["a", "b"], object), ["a", "b"]),
        (np.eye(3)[[2, 0]], [2, 0]),
        ([[False, True], [True, False]], [1, 0]),
    ],
)
def test_labels_of_one_kind(y: Any, expected: list) -> None:
    labels = checked_labels(y, 2)
    assert labels.tolist() == expected and labels.dtype != object


def test_text_of_a_missing_label_is_pointed_at() -> None:
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.array(["ant", np.nan] * 10)
    with pytest.warns(UserWarning, match="^y has a class called 'nan': leave those examples out"):
        RobustClassifier("supervised", epochs=1).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        RobustClassifier("supervised", epochs=1).fit(X, np.where(y == "nan", "naan", y))


EIGHT_BITS = pixels(np.full([2, 8, 8, 3], 200, np.uint8))[1]
UNIT = pixels(np.full([2, 8, 8, 3], 0.5))[1]


@pytest.mark.parametrize("form", [None, EIGHT_BITS, UNIT])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros([5, 3, 32, 32]), "^images of 3x32x32 have their colors first.*2, 3, 1\\)$"),
        (np.zeros([5, 1, 8, 8]), "^images of 1x8x8 have their colors first"),
        (np.zeros([2, 5, 8, 8, 3]), "^images must be .* not of shape \\(2, 5, 8, 8, 3\\)$"),
        ([np.zeros([4, 5, 3]), np.zeros([6, 5, 3])], "^X has .* 2 shapes, such as 4x5x3 and 6x5x3"),
        (
            np.array([np.zeros([4, 5, 3]), np.zeros([6, 5, 3]), None], object)[:2],
            "^X has examples of 2 shapes",
        ),
    ],
)
def test_images_in_a_wrong_shape_are_refused(images: Any, form: Any, message: str) -> None:
    with pytest.raises(ieg.InputError, match=message):
        pixels(images, form)


@pytest.mark.parametrize(
    ("form", "images", "message"),
    [
        (EIGHT_BITS, np.full([2, 8, 8, 3], 0.5), "^pixels are from 0.5 to 0.5; .* give X \\* 255$"),
        (EIGHT_BITS, np.ones([2, 8, 8, 3], bool), "^pixels are from 1 to 1; .* give X \\* 255$"),
        (UNIT, np.ones([2, 8, 8, 3], np.uint8), "^pixels are from 1 to 1; .* are whole numbers$"),
        (UNIT, np.full([2, 8, 8, 3], 200.0), "^pixels are from 200 to 200; .* floats from 0 to 1$"),
        (
            UNIT,
            np.full([8, 8, 3], 0.5),
            "^X is one image of 8x8x3; give a batch, X\\[np.newaxis\\]",
        ),
    ],
)
def test_images_on_another_scale_than_in_fit_are_refused(
    form: Any, images: np.ndarray, message: str
) -> None:
    with pytest.raises(ieg.InputError, match=message):
        pixels(images, form)


def test_black_images_have_every_scale() -> None:
    for form in (EIGHT_BITS, UNIT):
        assert not pixels(np.zeros([1, 8, 8, 3]), form)[0].any()


def test_columns_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    names, numbers = pandas.Series(["b", "a", "b"], index=[7, 3, 5]), pandas.Series([2, 0, 2])
    for column in (names, names.astype("category"), names.astype("string"), names.to_frame()):
        assert checked_labels(column, 3).tolist() == ["b", "a", "b"]
    assert checked_labels(numbers.astype("Int64"), 3).tolist() == [2, 0, 2]
    assert checked_labels(pandas.get_dummies(numbers), 3).tolist() == [1, 0, 1]
    with pytest.raises(ieg.InputError, match="every example needs a label"):
        checked_labels(numbers.astype("Int64").where(numbers > 0), 3)
    table = pandas.DataFrame({"path": ["x.jpg", "y.jpg", "z.jpg"]}, index=names.index)
    for column in (table, table["path"], table["path"].astype("string")):
        assert listed_paths(column) == ["x.jpg", "y.jpg", "z.jpg"]
    assert listed_paths(numbers.to_frame()) is None
