"""--mode=export and --mode=predict: what others load gives what evaluation gives."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg import config, decoding
from ieg.data import names
from ieg.experiment import build
from ieg.main import main
from tests import runs
from tests.data import trees

#: Loads both files where the package cannot be imported, and writes what they say of examples.
ELSEWHERE = """
import sys
sys.modules["ieg"] = None  # an import of it fails
import keras, numpy as np, tensorflow as tf
for folder in sys.argv[1:]:
    examples = np.load(folder + "/examples.npz")
    model = keras.models.load_model(folder + "/export/model.keras")
    served = tf.saved_model.load(folder + "/export/saved_model").signatures["serving_default"]
    found = {}
    for name, x in examples.items():
        found[name + ".keras"] = model(x).numpy()
        out = served(tf.constant(x))
        found[name + ".served"] = out["probabilities"].numpy()
        found["class_names"] = out["class_names"].numpy().astype(str)
    np.savez(folder + "/found.npz", **found)
"""
FLAGS = ("--method=supervised", "--max_iteration=4", "--eval_freq=2", "--train_eval_size=20")
SETS = {
    "photos": ("--network_name=cnn", "--image_size=8", "--batch_size=6", "--dropout_rate=0.2"),
    "digits": ("--dataset=digits_uniform_0.4", "--batch_size=20", "--cosine_classifier"),
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.write_folder(tmp_path_factory.mktemp("data") / "photos")


@pytest.fixture(scope="module")
def commands(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The flags of a trained and exported run on files, and of one on arrays."""
    found = {}
    for name, flags in SETS.items():
        root = tmp_path_factory.mktemp(name)
        data = (
            ()
            if name == "digits"
            else (
                f"--dataset=folder:{photos}",
                "--backbone=none",
            )
        )
        found[name] = ["ieg", f"--checkpoint_path={root}", *FLAGS, *flags, *data]
        assert main(found[name]) == 0
        assert main([*found[name], "--mode=export"]) == 0
    return found


def run_of(flags: list[str]) -> Path:
    return runs.only_run(Path(flags[1].split("=")[1]))


def evaluated(flags: list[str]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Probabilities of the averaged weights for the test images, and these as others have them."""
    words = [word.removeprefix("--").partition("=") for word in flags[1:]]
    typed = {name: value for name, _, value in words}
    for name in ("max_iteration", "eval_freq", "train_eval_size", "image_size", "batch_size"):
        if name in typed:
            typed[name] = int(typed[name])
    typed |= {"dropout_rate": float(typed["dropout_rate"])} if "dropout_rate" in typed else {}
    typed |= {"cosine_classifier": True} if "cosine_classifier" in typed else {}
    experiment = build(config.resolve(typed))
    assert experiment.checkpoints.restore() == 4
    images = experiment.dataset.evaluation.images
    logits = experiment.predictor(experiment.state.evaluated_weights())(images)
    if isinstance(images, np.ndarray):
        return tf.nn.softmax(logits).numpy(), [images]
    files = [Path(images.root) / path.decode() for path in images.paths]
    decoded = [decoding.pixels(file.read_bytes())[np.newaxis] for file in files]
    return tf.nn.softmax(logits).numpy(), decoded


def test_both_files_load_without_the_package_and_agree_with_evaluation(
    commands: dict[str, list[str]],
) -> None:
    expected, folders = {}, []
    for name, flags in commands.items():
        folders.append(run_of(flags))
        expected[name], examples = evaluated(flags)
        named = {f"x{k}": x for k, x in enumerate(examples)}
        np.savez(folders[-1] / "examples.npz", **named)
    words = [sys.executable, "-c", ELSEWHERE, *map(str, folders)]
    subprocess.run(words, check=True, cwd=folders[0], timeout=300)
    for name, folder in zip(commands, folders, strict=True):
        found = np.load(folder / "found.npz")
        names = json.loads((folder / "export" / "classes.json").read_text())
        assert names == found["class_names"].tolist()
        for kind in ("keras", "served"):
            numbers = range(len(found.files) // 2)
            together = np.concatenate([found[f"x{k}.{kind}"] for k in numbers])
            np.testing.assert_allclose(together, expected[name], atol=1e-5)


def test_the_card_says_what_was_measured(commands: dict[str, list[str]]) -> None:
    run = run_of(commands["digits"])
    card = (run / "export" / "README.md").read_text()
    result = json.loads((run / "result.json").read_text())
    assert f"| top-1 accuracy | {result['top1']:.4f} |" in card
    assert "On the 360 test examples of the data, which were not trained on." in card
    assert f"{result['noise_rate']:.1%} of the 1,437 training labels" in card
    audit = json.loads((run / "audit.json").read_text())
    estimate = f"The label audit estimates that {audit['noise_rate']:.1%} are wrong"
    assert audit["reliable"] is False  # after four steps
    assert f"{estimate}, but its network cannot tell the classes apart." in card
    assert "the moving average of the weights after 4 steps" in card
    assert str(run.parent) not in card  # nothing of the machine that it was trained on
    of_three_classes = (run_of(commands["photos"]) / "export" / "README.md").read_text()
    assert "| dataset | folder:photos |" in of_three_classes
    assert "top-5 accuracy" in card and "top-1 accuracy" in of_three_classes
    assert "top-5" not in of_three_classes


def test_an_export_replaces_an_older_one(commands: dict[str, list[str]]) -> None:
    run = run_of(commands["digits"])
    (run / "export" / "classes.json").write_text("old")
    assert main([*commands["digits"], "--mode=export", "--restore_step=2"]) == 0
    assert "after 2 steps" in (run / "export" / "README.md").read_text()
    assert len(json.loads((run / "export" / "classes.json").read_text())) == 10
    assert main([*commands["digits"], "--mode=export", "--export_format=litert,keras"]) == 0
    written = sorted(path.name for path in (run / "export").iterdir())
    assert written == ["README.md", "classes.json", "model.keras", "model.tflite"]
    assert main([*commands["digits"], "--mode=export"]) == 0
    assert not list(run.glob(".export*"))


def test_predictions_of_a_folder_and_of_a_table_are_those_of_evaluation(
    commands: dict[str, list[str]], photos: Path, tmp_path: Path
) -> None:
    flags = commands["photos"]
    expected, _ = evaluated(flags)
    table = trees.write_table(
        tmp_path / "some.csv", [f"{path}" for path in sorted((photos / "test").rglob("*.jpg"))],
        "path",
    )  # fmt: skip
    written = []
    for given in (photos / "test", table):
        assert main([*flags, "--mode=predict", f"--input={given}"]) == 0
        name = f"predictions_step4_{names.of_path(str(given))}.csv"
        written.append(name)
        with open(run_of(flags) / name, newline="") as file:
            rows = list(csv.DictReader(file))
        p = np.array([[float(row[f"p({name})"]) for name in trees.CLASSES] for row in rows])
        np.testing.assert_allclose(p, expected, atol=1e-5)
        assert [row["predicted_label"] for row in rows] == [
            trees.CLASSES[k] for k in p.argmax(axis=1)
        ]
        assert [float(row["probability"]) for row in rows] == p.max(axis=1).tolist()
        assert all(row["path"].endswith(".jpg") for row in rows)
    assert len(set(written)) == 2 and all((run_of(flags) / name).exists() for name in written)


def test_a_file_that_cannot_be_decoded_has_empty_cells(
    commands: dict[str, list[str]],
    photos: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = sorted((photos / "test").rglob("*.jpg"))[0]
    (tmp_path / 'a, "b" ü.jpg').write_bytes(whole.read_bytes())
    (tmp_path / "broken.jpg").write_text("no image")
    flags = [*commands["photos"], "--mode=predict", f"--input={tmp_path}"]
    assert main(flags) == 0
    written = run_of(flags) / f"predictions_step4_{names.of_path(str(tmp_path))}.csv"
    with open(written, newline="") as file:
        first, second = csv.DictReader(file)
    assert first["path"] == 'a, "b" ü.jpg' and first["probability"]
    assert [value for name, value in second.items() if value] == ["broken.jpg"]
    said = "1 of 2 files cannot be read, and nothing is predicted for them: broken.jpg"
    assert said in caplog.text


def test_a_table_gives_a_row_for_each_of_its_rows(
    commands: dict[str, list[str]], photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate(("some.jpg", "there/some.jpg", "there/deep/some.jpg")):
        trees.write_image(tmp_path / name, number, number)
    (tmp_path / "link").symlink_to("there/deep")
    alone = [str(tmp_path / "some.jpg"), str(tmp_path / "there/some.jpg")]
    given = ["link/../some.jpg", "some.jpg", "", "./some.jpg", "some.jpg", alone[0], "gone.jpg"]
    table = trees.write_table(tmp_path / "some.csv", [f"{path},x" for path in given], "path,id")
    found = {}
    for wanted in (str(table), *alone):
        assert main([*commands["photos"], "--mode=predict", f"--input={wanted}"]) == 0
        name = f"predictions_step4_{names.of_path(wanted)}.csv"
        with open(run_of(commands["photos"]) / name, newline="") as file:
            found[wanted] = [(row.pop("path"), tuple(row.values())) for row in csv.DictReader(file)]
    ((name, one),), ((_, other),) = found[alone[0]], found[alone[1]]
    assert name == "some.jpg" and one != other
    empty = ("",) * len(one)
    expected = [other, one, empty, one, one, one, empty]  # a link's .. is where it leads to
    assert found[str(table)] == list(zip(given, expected, strict=True))
    said = "2 of 7 files cannot be read, and nothing is predicted for them: (no path), gone.jpg"
    assert said in caplog.text


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("photos", ["--mode=predict"], "--mode=predict needs images: --input=FOLDER"),
        (
            "photos",
            ["--mode=predict", "--input=none"],
            "none: there is no such folder, image or CSV",
        ),
        ("digits", ["--mode=predict", "--input={photos}"], "reads color images from files, and"),
        ("photos", ["--mode=export", "--restore_step=3"], "--restore_step=3: no such checkpoint"),
        ("photos", ["--mode=export", "--seed=7"], "no run in "),
        (
            "photos",
            ["--mode=export", "--export_format=keras,tflite"],
            "--export_format: 'tflite' is no format; there are keras, saved_model, litert, onnx",
        ),
        ("photos", ["--mode=predict", "--input={empty}"], "has no image"),
        ("photos", ["--mode=predict", "--input={csv}"], "lacks the column path; its first line"),
        ("photos", ["--mode=predict", "--input={gone}"], "names no file that exists, such as "),
    ],
)
def test_bad_input_is_refused(
    name: str,
    flags: list[str],
    message: str,
    commands: dict[str, list[str]],
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"photos": photos / "test", "empty": tmp_path, "csv": tmp_path / "no.csv"}
    places["csv"].write_text("picture\nx.jpg\n")
    places["gone"] = trees.write_table(tmp_path / "gone.csv", ["x.jpg"], "path")
    before = runs.snapshot(run_of(commands[name]))
    filled = [flag.format(**places) for flag in flags]
    assert main([*commands[name], *filled]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert runs.snapshot(run_of(commands[name])) == before
