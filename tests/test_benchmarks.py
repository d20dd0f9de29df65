"""What all benchmarks have in common: tables, recipes of their own, and one command for all."""

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import benchmarks.__main__ as everything
from benchmarks import (
    approximations,
    audit_condition,
    corrections,
    methods,
    million,
    profile,
    tables,
)
from ieg import grid
from ieg.config import resolve
from ieg.recipes import Recipe, Row, RunFolder
from tests.markdown import body, cells

ROOT = Path(__file__).parents[1]


def finished(runs: Path, row: str, dataset: str, seed: int, **values: float) -> None:
    """The result of a run, at its place."""
    folder = runs / row / dataset / "cnn" / "some" / f"seed{seed}"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(values))


@pytest.fixture
def two() -> Recipe:
    rows = {"plain": Row("some"), "l2r, often": Row("some", {"ckpt": RunFolder("plain")})}
    return Recipe("two", tables.rows(rows), ("digits_uniform_0.4", "digits_imbal_0.1"), (1, 2))


def test_columns_of_a_table_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_table(["a", "number"], [["long name", "1"], ["b", "10"]], "said before")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["", "said before", ""]
    assert [cells(line) for line in lines[3:]] == [
        ["a", "number"],
        ["---------", "------"],
        ["long name", "1"],
        ["b", "10"],
    ]
    assert len({line.index("|", 2) for line in lines[3:]}) == 1


def test_mean_and_standard_deviation_of_the_population() -> None:
    assert tables.mean([0.5, 0.7]) == "0.600 ± 0.100"
    assert tables.mean([0.51234], digits=4) == "0.5123"


def test_the_table_of_a_grid(
    two: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Balanced accuracy on a long tail, best in bold, time of the fastest seeds."""
    values = {"top1": 0.5, "balanced_accuracy": 0.1}
    finished(tmp_path, "plain", "digits_uniform_0.4", 1, seconds=10, **values)
    finished(tmp_path, "plain", "digits_uniform_0.4", 2, seconds=8, **values)
    finished(tmp_path, "plain", "digits_imbal_0.1", 1, seconds=5, **values)
    finished(tmp_path, "l2r-often", "digits_uniform_0.4", 1, seconds=20, **(values | {"top1": 0.9}))
    assert tables.print_grid(two.plan(str(tmp_path)), "plain") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("\nmean ± standard deviation over seeds 1, 2\n")
    assert body(printed) == [
        ["plain", "0.500 ± 0.000", "**0.100**", "1.0"],
        ["l2r, often", "**0.900**", "-", "2.5"],
    ]


@pytest.mark.parametrize("benchmark", [methods, approximations])
def test_a_benchmark_is_a_recipe_of_its_own(
    benchmark: types.ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[list[str]] = []

    def train(words: list[str]) -> int:
        asked.append(words)
        return int(words[0] == "--dataset=digits_uniform_0.8")

    monkeypatch.setattr(grid, "train", train)
    monkeypatch.chdir(tmp_path)
    part = ["--row", "supervised", "--dataset", "digits_uniform_0.4", "digits_uniform_0.8"]
    assert benchmark.main([*part, "--seeds", "1", "--", "--max_iteration=5"]) == 1
    name = benchmark.__name__.split(".")[-1]
    assert asked == [
        [f"--dataset=digits_uniform_{ratio}", "--method=supervised", "--seed=1",
         f"--checkpoint_path=runs/{name}/supervised", "--max_iteration=5"]
        for ratio in (0.4, 0.8)
    ]  # fmt: skip
    printed = capsys.readouterr()
    assert body(printed.out) == [["supervised", "-", "-", "-"]]
    assert printed.err.startswith("1 of 2 runs failed:\n")
    assert benchmark.main(["--row", "l3r"]) == 2


def test_letters_have_their_own_settings(capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["--row", "l2r, bfloat16", "ieg", "--seeds=1", "--dry_run"]
    assert approximations.main([*rows, "--letters=mine"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith(
        "python -m ieg.main --dataset=cifar10_uniform_0.4 --method=l2r --seed=1 "
        "--checkpoint_path=runs/approximations/l2r-bfloat16 --network_name=resnet32"
    )
    flags = "--dataset_dir=mine --probe_batch_size=64 --precision=mixed_bfloat16"
    assert last.endswith(flags)
    assert approximations.main(["--row", "ieg", "--seeds=1", "--dry_run", "--letters=mine"]) == 0
    assert "cifar10" not in capsys.readouterr().out


@pytest.mark.parametrize("rows", [methods.RECIPE.rows, approximations.ROWS])
def test_all_rows_are_settings_that_there_are(rows: dict[str, Row]) -> None:
    for row in rows.values():
        flags = {name: "x" if isinstance(v, RunFolder) else v for name, v in row.flags.items()}
        resolve({"dataset": "digits_uniform_0.4", "method": row.method, **flags})


def test_everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "benchmarks"
    files = {path.stem for path in folder.glob("*.py")}
    files |= {path.parent.name for path in folder.glob("*/__main__.py")}
    helpers = {
        "__init__",
        "__main__",
        "planting",
        "steps",
        "tables",
        "torch_networks",
        "torch_peer",
        "two_classes_data",
    }
    needs_data = {"photos", "audit_annotators", "audit_condition", "pictures", "two_classes"}
    assert set(everything.BENCHMARKS) == files - helpers - needs_data
    page = (ROOT / "benchmarks/README.md").read_text()
    assert all(f"python -m benchmarks.{name}" in page for name in files - helpers)
    parts = {path.stem for path in (folder / "audit").glob("[!_]*.py")}
    assert all(f"python -m benchmarks.audit {part}" in page for part in parts)


def test_what_is_printed_is_saved_under_its_conditions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = {"startup": ("--help",), "page": ("--rows=none",)}
    monkeypatch.setattr(everything, "BENCHMARKS", short)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert everything.main([f"--folder={tmp_path}"]) == 1
    saved = (tmp_path / "startup.md").read_text()
    assert saved.startswith("# `python -m benchmarks.startup --help`\n\n- 20")
    version = f"Python {sys.version.split()[0]}, tensorflow "
    assert version in saved and "usage: startup.py" in saved
    assert (tmp_path / "page.md").read_text().endswith("failed with status 2\n")
    printed = capsys.readouterr()
    assert saved in printed.out and printed.err.endswith("failed: page\n")
    assert everything.main(["stepp"]) == 2
    assert capsys.readouterr().err.startswith("error: no benchmark stepp; startup, page")


def test_made_up_features_are_embedded_merged_audited_and_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(million, "_DIM", 8)
    done = {}
    for name, stage in million.STAGES.items():
        million.measured(stage, tmp_path, 800, name)
        done[name] = json.loads((tmp_path / f"{name}.json").read_text())
    assert min(found["peak"] for found in done.values()) > 100 << 20
    assert done["audit"]["result"]["AUROC"] > 0.9 and done["audit"]["result"]["top-1"] > 0.8
    assert len(list((tmp_path / "store").glob("*/*.npz"))) == 4  # 400 images in each part


def test_photos_lie_in_wrong_folders_and_a_person_says_so(tmp_path: Path) -> None:
    truth = corrections.write_photos(tmp_path / "photos", seed=3)
    train = {path: path.split("/")[1] for path in truth if path.startswith("train/")}
    wrong = [path for path, given in train.items() if given != truth[path]]
    assert (len(train), len(truth), len(wrong)) == (600, 900, 180)
    assert all(path.split("/")[1] == truth[path] for path in truth.keys() - train.keys())
    assert {str(p.relative_to(tmp_path / "photos")) for p in tmp_path.rglob("*.jpg")} == set(truth)
    right = next(path for path in train if path not in wrong)
    rows = [{"path": path, "given_label": train[path]} for path in (wrong[0], right)]
    changed = corrections.write_decisions(tmp_path / "decisions.csv", rows, truth)
    assert changed == {wrong[0]: truth[wrong[0]]}
    said = (tmp_path / "decisions.csv").read_text().splitlines()
    assert said == [
        "path,decision,new_label",
        f"{wrong[0]},wrong,{truth[wrong[0]]}",
        f"{right},fine,",
    ]


def test_a_drawing_is_of_the_size_and_colour_of_its_shape() -> None:
    """A circle of radius r covers π r² of the ground, a triangle 3 √3 / 4 r²."""
    shares = {}
    for name, corners in (("circle", 60), ("triangle", 3)):
        rng = np.random.default_rng(0)
        radius = np.random.default_rng(0).uniform(0.22, 0.38)
        image = corrections.draw(corners, rng).astype(float)
        brightest = image.mean(axis=2) > image.mean()
        shares[name] = brightest.mean() / radius**2
    assert shares["circle"] == pytest.approx(np.pi, rel=0.15)
    assert shares["triangle"] == pytest.approx(3 * np.sqrt(3) / 4, rel=0.3)


def test_precision_counts_what_a_person_saw_and_recall_what_was_planted() -> None:
    planted = {Path("a"): "dark", Path("b"): "dark", Path("c"): "constant", Path("d"): "grey"}
    planted |= {Path("e"): "blurred", Path("f"): "overexposed"}
    found = {Path("a"): {"dark"}, Path("c"): {"constant", "dark"}, Path("d"): {"dark"}}
    found |= {Path("seen"): {"blurred"}, Path("good"): {"blurred"}}
    scores = audit_condition.score(found, planted, {Path("seen"): "blurred"})
    assert scores["dark"] == (1 / 2, 1 / 2)  # a is, d is not, and c does not count
    assert scores["blurred"] == (1 / 2, 0)
    assert scores["constant"] == (1, 1)
    assert np.isnan(scores["grey"][0]) and scores["grey"][1] == 0


def test_the_profile_of_a_step_tells_convolutions_from_batch_norm() -> None:
    images, ones = tf.random.stateless_normal([4, 8, 8, 3], [0, 0]), tf.ones([3])
    kernel = tf.random.stateless_normal([3, 3, 3, 3], [0, 1])

    @tf.function
    def step(convolutions: bool) -> tf.Tensor:
        x = tf.nn.conv2d(images, kernel, 1, "SAME") if convolutions else images
        return tf.compat.v1.nn.fused_batch_norm(x, ones, ones)[0]

    for convolutions in (True, False):
        step(convolutions)
        spent = profile.spent(lambda: step(convolutions).numpy())  # noqa: B023
        assert 0 < spent["batch norm"] < 1
        assert (spent["convolutions"] > 0) is convolutions
