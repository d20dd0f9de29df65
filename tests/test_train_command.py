"""`--mode=train` and `--mode=evaluation` in one process: what a short run leaves, and going on."""

import contextlib
import csv
import io
import json
import math
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from ieg.main import main
from ieg.methods import REGISTRY as METHODS
from ieg.methods.supervised import Supervised
from ieg.training.schedules import cosine_restarts
from ieg.training.trainer import Interrupted
from tests import runs

# Cosine cycles of 7, 10.5 and 15.75 steps end at 7, 17.5 and 33.25.
L2R = (
    "--dataset=digits_uniform_0.4",
    "--method=l2r",
    "--l2r_warmup_epochs=0",
    "--batch_size=20",
    "--max_iteration=30",
    "--eval_freq=10",
    "--decay_steps=7",
)
EVALUATED_AFTER = [7, 10, 18, 20, 30]

#: Everything that could get lost at an interruption: a counter, sums of gradients, an average.
DEMANDING = (
    "--dataset=digits_uniform_0.4",
    "--method=supervised",
    "--batch_size=20",
    "--eval_freq=5",
    "--dropout_rate=0.3",
    "--accumulation_steps=2",
    "--clip_norm=2",
    "--label_smoothing=0.1",
)

MEASURED = ("top1", "top5", "balanced_accuracy", "many_shot", "ece")
FOLLOWED = ("wrong_label_fit", "clean_train", "recovered")
SURENESS = (
    *(f"{group}_{what}" for group in ("test", "wrong_label", "clean_train")
      for what in ("loss", "entropy", "max_p")),
    "recovered_loss",
)  # fmt: skip


@pytest.fixture(scope="module")
def l2r(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a short run of L2R, and what it printed."""
    root, printed = tmp_path_factory.mktemp("l2r"), io.StringIO()
    with contextlib.redirect_stdout(printed):
        folder = runs.train(root, *L2R)
    return folder, printed.getvalue()


@pytest.fixture
def copied(l2r: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of that run, which a test may change."""
    shutil.copytree(l2r[0].parents[3], tmp_path, dirs_exist_ok=True)
    return runs.only_run(tmp_path)


def read_json(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name).read_text())


def table(file: Path) -> list[dict[str, float | None]]:
    with open(file, newline="") as lines:
        return [
            {name: float(cell) if cell else None for name, cell in row.items()}
            for row in csv.DictReader(lines)
        ]


def command(root: Path, *flags: str) -> tuple[int, str]:
    """The status of a command and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main(["ieg", f"--checkpoint_path={root}", *flags])
    return status, printed.getvalue()


def test_a_run_leaves_what_is_promised(l2r: tuple[Path, str]) -> None:
    folder, _ = l2r
    assert folder.parts[-4:] == ("digits_uniform_0.4", "cnn", "l2r", "seed12345")
    assert {path.name for path in folder.iterdir()} == {
        ".lock", "audit.json", "checkpoints", "config.json", "confusion.csv", "data.json",
        "events", "examples.csv", "figures", "label_audit.csv", "metrics.csv", "params.csv",
        "progress.json", "report.html", "result.json",
    }  # fmt: skip
    assert not list(folder.rglob("*tmp*"))


def test_config_json_has_every_value_with_its_origin(l2r: tuple[Path, str]) -> None:
    config = read_json(l2r[0], "config.json")
    assert config["values"].keys() == config["origins"].keys()
    expected = {
        "batch_size": (20, "command line"),
        "decay_steps": ("7", "command line"),
        "network_name": ("cnn", "preset of the data set"),
        "l2_weight_decay": (2e-3, "network cnn"),
        "momentum": (0.9, "default"),
        "deterministic": (None, "default"),
        "decay_epochs": (None, "command line"),  # unset by --decay_steps
        "meta_stepsize": (0.1, "default"),
    }
    for name, (value, origin) in expected.items():
        assert (config["values"][name], config["origins"][name]) == (value, origin)
    assert (config["global_batch_size"], config["max_iteration"]) == (20, 30)


def test_data_json_says_what_was_trained_on(l2r: tuple[Path, str]) -> None:
    data, result = read_json(l2r[0], "data.json"), read_json(l2r[0], "result.json")
    assert data["dataset"] == "digits_uniform_0.4"
    assert data["training_images"] + data["probe_images"] + data["evaluation_images"] == 1797
    assert data["probe_images"] == len(set(data["probe_indices"])) == 50
    assert sum(data["class_counts"]) == data["training_images"]
    assert (data["noise_type"], data["noise_rate_asked"]) == ("uniform", 0.4)
    assert data["noise_rate"] == result["noise_rate"] == pytest.approx(0.36, abs=0.02)
    np.testing.assert_allclose(np.sum(data["transition_matrix"], axis=1), 1)


def test_metrics_csv_has_one_row_per_planned_evaluation(l2r: tuple[Path, str]) -> None:
    rows = table(l2r[0] / "metrics.csv")
    assert [row["step"] for row in rows] == EVALUATED_AFTER
    columns = {
        "step", "epoch", "seconds", "learning_rate", "loss", "train_accuracy", "gradient_norm",
        "probe_loss", "probe_accuracy", "weights_zero_ratio", "clean_weight_share", "clean_share",
        *MEASURED, "top1_raw", *FOLLOWED, *SURENESS, "medium_shot", "few_shot",
    }  # fmt: skip
    schedule = cosine_restarts(learning_rate=0.1, first_period=7, t_mul=1.5, m_mul=0.9)
    for row in rows:
        assert row.keys() == columns
        assert row.pop("medium_shot") is row.pop("few_shot") is None  # classes of 139 images
        assert all(value is not None and math.isfinite(value) for value in row.values())
        assert row["epoch"] == row["step"] / (1387 // 20)
        assert row["learning_rate"] == schedule(int(row["step"]) - 1)
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds) and seconds[0] > 0
    # At the end of a cycle the rate is lowest.
    assert rows[0]["learning_rate"] < 0.01 < rows[1]["learning_rate"]


def test_result_json_has_every_key(l2r: tuple[Path, str]) -> None:
    folder, _ = l2r
    result, rows = read_json(folder, "result.json"), table(folder / "metrics.csv")
    identity = {"method": "l2r", "dataset": "digits_uniform_0.4", "network": "cnn", "seed": 12345}
    assert result.items() >= {**identity, "eval_split": "test", "noise_rate_asked": 0.4}.items()
    assert result.keys() == {
        *identity, "settings", "data_note", "eval_split", "fold", "part", "noise_rate_asked",
        "noise_rate", "steps", "seconds", "examples_per_second", "peak_memory_bytes", *MEASURED,
        "top1_raw", "per_class", "damaged_images", *SURENESS, "medium_shot", "few_shot",
        "top1_best", "best_step", *FOLLOWED, *(f"{name}_best" for name in FOLLOWED),
    }  # fmt: skip
    assert result["steps"] == 30
    assert result["seconds"] >= rows[-1]["seconds"]
    assert result["examples_per_second"] > 0
    assert 50e6 < result["peak_memory_bytes"] < 100e9
    assert np.mean(result["per_class"]) == pytest.approx(result["balanced_accuracy"])


def test_result_json_agrees_with_the_last_and_the_best_row(l2r: tuple[Path, str]) -> None:
    result, rows = read_json(l2r[0], "result.json"), table(l2r[0] / "metrics.csv")
    for name in (*MEASURED, "top1_raw", *FOLLOWED, *SURENESS):
        assert result[name] == rows[-1][name]
    best = max(rows, key=lambda row: row["top1"])
    assert (result["top1_best"], result["best_step"]) == (best["top1"], best["step"])
    for name in FOLLOWED:
        assert result[f"{name}_best"] == best[name]


def test_examples_csv_has_one_row_per_training_example(l2r: tuple[Path, str]) -> None:
    rows, data = table(l2r[0] / "examples.csv"), read_json(l2r[0], "data.json")
    names = ["index", "given_label", "true_label", "visits", "loss", "agreement", "weight"]
    assert list(rows[0]) == names
    assert len({row["index"] for row in rows}) == len(rows) == data["training_images"]
    assert not {row["index"] for row in rows} & set(data["probe_indices"])
    wrong = [row["given_label"] != row["true_label"] for row in rows]
    assert np.mean(wrong) == pytest.approx(data["noise_rate"])
    assert sum(row["visits"] for row in rows) == 30 * 20
    for row in rows:
        unknown = row["visits"] == 0
        assert [row[name] is None for name in ("loss", "agreement", "weight")] == [unknown] * 3
    assert any(row["visits"] == 0 for row in rows) and any(row["loss"] for row in rows)


def test_figures_are_pictures(l2r: tuple[Path, str]) -> None:
    figures = sorted((l2r[0] / "figures").iterdir())
    assert [figure.name for figure in figures] == [
        "confusion.png", "curves.png", "l2r.png", "loss_histogram.png", "subsets.png",
        "weight_histogram.png",
    ]  # fmt: skip
    for figure in figures:
        assert figure.read_bytes().startswith(b"\x89PNG")


def test_tensorboard_gets_the_same_numbers(l2r: tuple[Path, str]) -> None:
    (events,) = (l2r[0] / "events").iterdir()
    logged = {
        event.step: float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "top1"
    }
    rows = table(l2r[0] / "metrics.csv")
    assert logged == {row["step"]: float(np.float32(row["top1"])) for row in rows}


def test_tensorboard_gets_the_settings(l2r: tuple[Path, str]) -> None:
    (events,) = (l2r[0] / "events").iterdir()
    (content,) = (
        value.metadata.plugin_data.content
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
    )
    shown = HParamsPluginData.FromString(content).session_start_info.hparams
    assert shown["method"].string_value == "l2r" and shown["seed"].number_value == 12345
    assert shown["learning_rate"].number_value == 0.1
    assert "checkpoint_path" not in shown and "max_epoch" not in shown  # which is unset


def test_params_csv_is_one_row_with_every_setting(l2r: tuple[Path, str]) -> None:
    with open(l2r[0] / "params.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row.keys() == {
        *read_json(l2r[0], "config.json")["values"], "total_iterations", "warmup_iterations"
    }  # fmt: skip
    assert (row["method"], row["learning_rate"], row["max_epoch"]) == ("l2r", "0.1", "")
    assert (row["total_iterations"], row["warmup_iterations"]) == ("30", "0")


def test_curves_are_drawn_while_a_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ieg.commands.train.SECONDS_BETWEEN_FIGURES", 0.0)
    seen: list[set[str]] = []

    def unfinished(run: Any, trainer: Any) -> None:
        seen.append({path.name for path in run.folder.figures.iterdir()})

    monkeypatch.setattr("ieg.commands.train._Run._finish", unfinished)
    flags = ("--method=supervised", "--loss=proselflc", "--batch_size=100", "--max_iteration=2")
    assert command(tmp_path, *flags, "--figure_format=pdf")[0] == 0
    assert seen == [{"curves.pdf", "subsets.pdf", "supervised.pdf"}]


def test_a_spreadsheet_of_every_evaluation(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    flags = ("--method=supervised", "--batch_size=100", "--max_iteration=4", "--eval_freq=2")
    folder = runs.train(tmp_path, *flags, "--write_xlsx")
    (file,) = folder.glob("*.xlsx")
    values = list(openpyxl.load_workbook(file)["loss"].values)
    assert [row[0] for row in values] == ["step", 2, 4]
    expected = [row["test_loss"] for row in table(folder / "metrics.csv")]
    assert [row[2] for row in values[1:]] == pytest.approx(expected)


def test_the_last_three_checkpoints_stay(l2r: tuple[Path, str]) -> None:
    names = {path.stem for path in (l2r[0] / "checkpoints").glob("step-*")}
    assert names == {"step-18", "step-20", "step-30"}


def test_it_says_first_what_it_is_going_to_do(l2r: tuple[Path, str]) -> None:
    folder, printed = l2r
    plan, _, progress = printed.partition("step 7:")
    for words in (
        "train with method l2r, seed 12345",
        "1,387 training images 8x8x1 in 10 classes, 50 clean probe images, 360 test images",
        "uniform 0.4 asked, 0.36",
        "cnn, 94,186 trainable parameters",
        "1 CPU replica, deterministic",
        "30 with a global batch of 20",
        str(folder),
        "decay_steps=7",
        " (command line); ",
        "network_name=cnn (preset of the data set); l2_weight_decay=0.002 (network cnn); ",
    ):
        assert words in plan
    assert plan.count("\n") <= 10
    assert "momentum" not in plan
    for step in EVALUATED_AFTER[1:]:
        assert f"\nstep {step}: top-1 0." in progress
    assert f"results in {folder}" in progress.splitlines()[-1]


def test_each_evaluation_is_one_line_when_the_output_is_no_terminal(l2r: tuple[Path, str]) -> None:
    lines = l2r[1].splitlines()
    evaluations = [line for line in lines if line.startswith("step ")]
    assert len(evaluations) == len(EVALUATED_AFTER)
    assert all(", recovered 0." in line for line in evaluations)


def test_the_same_command_again_says_that_it_is_finished(copied: Path, tmp_path: Path) -> None:
    before = runs.snapshot(tmp_path)
    status, printed = command(tmp_path, *L2R)
    assert status == 0
    top1 = read_json(copied, "result.json")["top1"]
    assert f"finished already: top-1 {top1:.4f} after 30 steps" in printed.splitlines()[-1]
    assert runs.snapshot(tmp_path) == before


def test_a_longer_run_goes_on_and_ends_like_one_of_that_length(tmp_path: Path) -> None:
    # 15 batches: the gradient of one of them waits for the next.
    shorter = runs.train(tmp_path / "on", *DEMANDING, "--max_iteration=15")
    assert read_json(shorter, "result.json")["steps"] == 15
    status, printed = command(tmp_path / "on", *DEMANDING, "--max_iteration=30")
    assert status == 0 and "going on from step 15" in printed
    whole = runs.train(tmp_path / "whole", *DEMANDING, "--max_iteration=30")
    assert [row["step"] for row in runs.rows(whole)] == ["5", "10", "15", "20", "25", "30"]
    assert_same_end(shorter, whole, 30)
    assert read_json(shorter, "config.json")["max_iteration"] == 30


def test_a_run_that_is_older_than_some_options_goes_on(copied: Path, tmp_path: Path) -> None:
    content = read_json(copied, "config.json")
    for name in ("background", "weak_pad", "pixel_mean", "strong_crop", "meta_schedule"):
        del content["values"][name]  # of the data, also where unset, and of the method
    (copied / "config.json").write_text(json.dumps(content))
    status, printed = command(tmp_path, *L2R)
    assert status == 0 and "finished already" in printed
    assert command(tmp_path, *L2R, "--weak_pad=4")[0] == 2


def assert_same_end(one: Path, other: Path, step: int) -> None:
    runs.assert_same_checkpoint(one, other, step)
    assert runs.rows(one) == runs.rows(other)
    assert (one / "examples.csv").read_text() == (other / "examples.csv").read_text()
    measured = {"seconds", "examples_per_second", "peak_memory_bytes"}
    results = [read_json(run, "result.json") for run in (one, other)]
    first, second = ({k: v for k, v in r.items() if k not in measured} for r in results)
    assert first == second


def test_a_run_may_be_continued_from_an_earlier_checkpoint(
    l2r: tuple[Path, str], copied: Path, tmp_path: Path
) -> None:
    status, printed = command(tmp_path, *L2R, "--restore_step=20")
    assert status == 0 and "going on from step 20" in printed
    assert_same_end(copied, l2r[0], 30)
    status, printed = command(tmp_path, *L2R)
    assert status == 0 and "finished already" in printed


def test_going_back_leaves_no_result_of_the_steps_that_were_dropped(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(trainer: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ieg.commands.train.Trainer.run", killed)
        assert command(tmp_path, *L2R, "--restore_step=20")[0] == 130
    assert not (copied / "result.json").exists()
    assert [row["step"] for row in table(copied / "metrics.csv")] == [7, 10, 18, 20]
    status, printed = command(tmp_path, *L2R)
    assert status == 0 and "going on from step 20" in printed
    assert [row["step"] for row in table(copied / "metrics.csv")] == EVALUATED_AFTER


def test_the_command_that_is_printed_goes_on_from_the_latest_checkpoint(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(trainer: Any) -> None:
        raise Interrupted(15, 25)

    monkeypatch.setattr("ieg.commands.train.Trainer.run", interrupted)
    flags = [*L2R, "--nodeterministic", "--restore_step=20"]
    status, printed = command(tmp_path, *flags)
    assert status == 143
    stopped, to_go_on = printed.splitlines()[-2:]
    assert stopped == f"stopped at step 25 of 30; all is saved in {copied}"
    words = shlex.split(to_go_on)
    assert words[:6] == ["to", "go", "on:", "python", "-m", "ieg.main"]
    wanted = {*L2R, f"--checkpoint_path={tmp_path}", "--deterministic=False"}
    assert set(words[6:]) == wanted


def test_epochs_set_the_number_of_steps(tmp_path: Path) -> None:
    flags = ("--method=supervised", "--batch_size=700", "--max_epoch=3", "--eval_freq=4")
    folder = runs.train(tmp_path, *flags)
    assert [row["step"] for row in table(folder / "metrics.csv")] == [4, 6]
    assert read_json(folder, "result.json")["steps"] == 6


def test_a_warm_up_may_be_longer_than_the_run(tmp_path: Path) -> None:
    flags = ("--method=supervised", "--batch_size=700", "--max_iteration=2")
    folder = runs.train(tmp_path, *flags, "--lr_schedule=cosine_warmup", "--warmup_epochs=5")
    assert table(folder / "metrics.csv")[-1]["learning_rate"] == pytest.approx(0.1 * 1 / 10)


def test_a_run_that_ends_before_its_method_begins_says_so(tmp_path: Path) -> None:
    flags = ("--method=l2r", "--batch_size=700", "--max_iteration=1")
    _, printed = command(tmp_path, *flags, "--l2r_warmup_epochs=1")
    said = "warning: all 1 epochs of the run are plain training, by --l2r_warmup_epochs=1"
    assert said in printed.splitlines()


def test_a_longer_cosine_one_says_that_the_rate_jumps(tmp_path: Path) -> None:
    flags = ("--method=supervised", "--batch_size=700", "--lr_schedule=cosine_one")
    runs.train(tmp_path, *flags, "--max_iteration=2")
    _, printed = command(tmp_path, *flags, "--max_iteration=4")
    assert "note: cosine_one now stretches over more steps" in printed


def test_a_longer_run_of_a_loss_that_follows_the_length_says_so(tmp_path: Path) -> None:
    flags = ("--method=supervised", "--batch_size=700", "--loss=proselflc")
    folder = runs.train(tmp_path, *flags, "--max_iteration=2")
    _, printed = command(tmp_path, *flags, "--max_iteration=4")
    assert "note: --loss=proselflc follows the share of the run that is over; a run" in printed
    trusts = [row["global_trust"] for row in table(folder / "metrics.csv")]
    # The whole of 2 steps, then of 4: the third and the fourth step together.
    expected = [np.mean([1 / (1 + math.exp(-12 * (t - 0.5))) for t in ratios])
                for ratios in ((0.5, 1), (0.75, 1))]  # fmt: skip
    assert trusts == pytest.approx(expected, rel=1e-5)


def test_losses_and_weights_that_follow_the_run_resume_exactly(tmp_path: Path) -> None:
    flags = ("--method=supervised", "--loss=proselflc", "--train_rule=drw", "--drw_epoch=1")
    flags += ("--batch_size=400", "--max_iteration=6", "--eval_freq=2")  # 3 steps to the epoch
    whole = runs.train(tmp_path / "whole", *flags)
    shutil.copytree(tmp_path / "whole", tmp_path / "again")
    assert command(tmp_path / "again", *flags, "--restore_step=2")[0] == 0
    assert_same_end(runs.only_run(tmp_path / "again"), whole, 6)
    again = ("--mode=evaluation", "--method=supervised")
    assert command(tmp_path / "whole", *again)[0] == 0
    measured = read_json(whole, "evaluation_step6_test.json")
    assert measured["ema"]["test_loss"] == table(whole / "metrics.csv")[-1]["test_loss"]


def test_what_is_unknown_without_noise_is_null(tmp_path: Path) -> None:
    flags = ("--dataset=digits", "--method=supervised", "--batch_size=100", "--max_iteration=4")
    folder = runs.train(tmp_path, *flags, "--eval_freq=2")
    result = read_json(folder, "result.json")
    assert (result["noise_rate_asked"], result["noise_rate"]) == (0, 0)
    for name in ("wrong_label_fit", "recovered"):
        assert result[name] is None and result[f"{name}_best"] is None
        assert [row[name] for row in table(folder / "metrics.csv")] == [None, None]
    assert result["clean_train"] > 0 and result["clean_train_best"] > 0
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "confusion.png", "curves.png", "subsets.png"
    }  # fmt: skip
    data = read_json(folder, "data.json")
    assert (data["probe_images"], data["probe_indices"], data["noise_type"]) == (0, [], None)


def test_accuracy_by_shot_of_a_long_tail(tmp_path: Path) -> None:
    flags = ("--dataset=digits_imbal_0.05", "--method=supervised", "--max_iteration=2")
    folder = runs.train(tmp_path, *flags, "--many_shot_above=90")
    result, counts = (
        read_json(folder, "result.json"),
        read_json(folder, "data.json")["class_counts"],
    )
    groups = {
        "many_shot": [n > 90 for n in counts],
        "medium_shot": [20 <= n <= 90 for n in counts],
        "few_shot": [n < 20 for n in counts],
    }
    for name, members in groups.items():
        expected = np.mean(np.array(result["per_class"])[members])
        assert result[name] == pytest.approx(expected)
        assert table(folder / "metrics.csv")[-1][name] == result[name]
    more = ("--mode=evaluation", "--many_shot_above=1000", "--few_shot_below=1000")
    code, printed = command(tmp_path, *flags, *more)
    assert code == 0 and "many-shot classes" in printed
    measured = read_json(folder, "evaluation_step2_test.json")["ema"]
    assert measured["many_shot"] is None
    assert measured["few_shot"] == pytest.approx(measured["balanced_accuracy"])


def test_without_an_average_the_raw_weights_count(tmp_path: Path) -> None:
    flags = ("--method=supervised", "--batch_size=100", "--max_iteration=6", "--eval_freq=3")
    folder = runs.train(tmp_path, *flags, "--nouse_ema")
    for row in table(folder / "metrics.csv"):
        assert row["top1"] == row["top1_raw"]
    assert not any(name.startswith("average") for name in runs.tensors(folder, 6))
    assert command(tmp_path, *flags, "--mode=evaluation")[0] == 0
    measured = read_json(folder, "evaluation_step6_test.json")
    assert measured.keys() == {"step", "raw"}
    assert measured["raw"]["top1"] == table(folder / "metrics.csv")[-1]["top1"]


def in_the_table(printed: str, title: str) -> list[str]:
    (line,) = [line for line in printed.splitlines() if f" {title} " in line]
    return [cell.strip() for cell in line.split("│")[2:-1]]


@pytest.mark.parametrize(("flags", "step"), [((), 30), (("--restore_step=20",), 20)])
def test_evaluation_gives_the_numbers_of_training(
    copied: Path, tmp_path: Path, flags: tuple[str, ...], step: int
) -> None:
    name = f"evaluation_step{step}_test.json"
    before = runs.snapshot(copied)
    status, printed = command(
        tmp_path, "--mode=evaluation", "--dataset=digits_uniform_0.4", "--method=l2r", *flags
    )
    assert status == 0
    after = runs.snapshot(copied)
    assert set(after) - set(before) == {name}
    assert {file: after[file] for file in before} == before

    measured, rows = read_json(copied, name), table(copied / "metrics.csv")
    (row,) = [row for row in rows if row["step"] == step]
    assert measured.keys() == {"step", "raw", "ema"}
    assert measured["step"] == step
    for metric in MEASURED:
        assert measured["ema"][metric] == row[metric]
    assert measured["raw"]["top1"] == row["top1_raw"]
    assert row["top1"] != row["top1_raw"]

    assert f"checkpoint of step {step}" in printed
    shown = [f"{measured[weights]['top1']:.4f}" for weights in ("raw", "ema")]
    assert in_the_table(printed, "top-1") == shown
    shown = [f"{measured[weights]['per_class'][3]:.4f}" for weights in ("raw", "ema")]
    assert in_the_table(printed, "class 3") == shown
    assert name in printed


def test_evaluation_takes_from_the_run_what_is_not_typed(copied: Path, tmp_path: Path) -> None:
    shutil.rmtree(copied / "events")
    flags = ("--dataset=digits_uniform_0.4", "--method=l2r", "--val_batch_size=77")
    _, printed = command(tmp_path, "--mode=evaluation", *flags)
    settings = f"val_batch_size=77, mode=evaluation, checkpoint_path={tmp_path} (command line)"
    assert f"\nsettings  {settings}; all are in config.json\n" in printed
    assert "30 with a global batch of 20" in printed
    measured = read_json(copied, "evaluation_step30_test.json")
    assert measured["ema"]["top1"] == table(copied / "metrics.csv")[-1]["top1"]


class ExplodesAtStep13(Supervised):
    """Its loss is not a number in the thirteenth step."""

    def variant(self, step: int) -> bool:
        return step == 12

    def step(self, batch: Any, state: Any, variant: Any) -> Any:
        output = super().step(batch, state, None)
        return output._replace(loss=output.loss * math.nan) if variant else output


@pytest.fixture
def explodes(monkeypatch: pytest.MonkeyPatch) -> None:
    METHODS.names()  # its modules register first
    monkeypatch.setitem(METHODS._entries, "explodes", ExplodesAtStep13)


@pytest.mark.usefixtures("explodes")
def test_a_loss_that_is_not_finite_stops_and_leaves_the_last_good_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--method=explodes", "--batch_size=20", "--eval_freq=5", "--max_iteration=20")
    for attempt in ("from the start", "from step 10"):
        assert main(["ieg", f"--checkpoint_path={tmp_path}", *flags]) == 1, attempt
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("stopped: loss is nan at step 13; a smaller --learning_rate")
        folder = runs.only_run(tmp_path)
        assert [row["step"] for row in table(folder / "metrics.csv")] == [5, 10]
        assert not (folder / "result.json").exists()
    plain = ("--method=supervised", *flags[1:3], "--max_iteration=10")
    runs.assert_same_checkpoint(folder, runs.train(tmp_path / "plain", *plain), 10)


def test_a_learning_rate_that_is_far_too_high_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--method=supervised", "--batch_size=20", "--max_iteration=20", "--l2_weight_decay=1")
    assert main(["ieg", f"--checkpoint_path={tmp_path}", *flags, "--learning_rate=1e12"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("stopped: ") and "not" not in line.split("at step")[0].split()
    assert "a smaller --learning_rate or --clip_norm=5 may help" in line


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes the next preparation of data be interrupted by Ctrl-C."""

    def arm() -> None:
        def interrupt(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("ieg.construction.prepare", interrupt)

    return arm


def test_ctrl_c_before_training_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], interrupted: Callable[[], None]
) -> None:
    interrupted()
    assert main(["ieg", f"--checkpoint_path={tmp_path / 'runs'}"]) == 130
    assert capsys.readouterr().err == "stopped: interrupted; the last checkpoint stays\n"
    assert not list(tmp_path.iterdir())
