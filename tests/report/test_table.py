"""The table over seeds: hand-computed means, published numbers, what is left out, errors."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ieg.data import noise
from ieg.errors import InputError
from ieg.report import table
from tests.markdown import cells

L2R_40 = "published, step not stated"


def result(**changes):
    base = {
        "dataset": "digits_uniform_0.4",
        "data_note": None,
        "eval_split": "test",
        "method": "l2r",
        "network": "cnn",
        "steps": 10,
        "seed": 1,
        "noise_type": "uniform",
        "noise_rate": 0.36,
        "top1": 0.9,
        "top1_best": 0.95,
        "wrong_label_fit": 0.1,
        "recovered": None,
        "seconds": 4.6,
        "settings": {"weight_mode": "clamp", "learning_rate": 0.1},
    }
    return {**base, **changes}


def rows(*results):
    """The rows of the Markdown table: column title → cell."""
    lines = table.markdown(table.rows_of(results)).split("\n\n")[0].splitlines()
    assert set(cells(lines[1])) == {"---"}
    return [dict(zip(cells(lines[0]), cells(line), strict=True)) for line in lines[2:]]


def notes(*results):
    return table.markdown(table.rows_of(results)).split("\n\n")[1].splitlines()


def test_mean_and_deviation_over_seeds():
    # Population deviation: of 0.8, 0.9 and 1.0 it is sqrt(0.02 / 3) = 0.0816.
    (row,) = rows(result(seed=3, top1=1.0), result(seed=1, top1=0.8), result(seed=2, seconds=10.4))
    assert row == {
        "data": "digits_uniform_0.4",
        "wrong labels": "0.360",
        "method": "l2r",
        "network": "cnn",
        "steps": "10",
        "seeds": "1, 2, 3",
        "top-1, last step": "0.900 ± 0.082",
        "top-1, best step": "0.950 ± 0.000",
        "fit to wrong labels": "0.100 ± 0.000",
        "seconds": "7",
    }


def test_one_seed_has_no_deviation_and_many_are_counted():
    assert rows(result())[0]["top-1, last step"] == "0.900"
    assert rows(*(result(seed=k) for k in range(5)))[0]["seeds"] == "0, 1, 2, 3, 4"
    assert rows(*(result(seed=k) for k in range(6)))[0]["seeds"] == "6 seeds"


def test_a_value_that_only_some_runs_have_is_the_mean_of_those():
    first, second = rows(result(recovered=0.5), result(method="supervised"))
    assert (first["recovered"], second["recovered"]) == ("0.500", "-")
    (row,) = rows(result(seed=1, recovered=0.5), result(seed=2))
    assert row["recovered"] == "0.500"


def test_rows_are_sorted_by_data_method_network_and_steps():
    results = [
        result(steps=1000),
        result(steps=200),
        result(method="ieg"),
        result(dataset="digits_asymmetric_0.4"),
    ]
    shown = [(row["data"][7:], row["method"], row["steps"]) for row in rows(*results)]
    assert shown == [
        ("asymmetric_0.4", "l2r", "10"),
        ("uniform_0.4", "ieg", "10"),
        ("uniform_0.4", "l2r", "200"),
        ("uniform_0.4", "l2r", "1000"),
    ]


def test_only_the_settings_that_tell_rows_apart_are_shown():
    other = {"weight_mode": "clamp", "learning_rate": 0.01}
    results = [result(), result(settings=other), result(dataset="digits", settings={"x": 1})]
    clean, first, second = rows(*results)
    assert (clean["settings"], clean["data"]) == ("-", "digits")
    assert (first["settings"], second["settings"]) == ("learning_rate=0.1", "learning_rate=0.01")
    assert "settings" not in rows(result())[0]


def test_options_of_one_loss_tell_only_its_own_rows_apart():
    ce, low, high = ({"loss": "ce"}, {"loss": "gce", "gce_q": 0.3}, {"loss": "gce", "gce_q": 0.7})
    first, second = rows(result(settings=ce), result(settings=high))
    assert (first["settings"], second["settings"]) == ("loss=ce", "loss=gce")
    found = rows(result(settings=ce), result(settings=low), result(settings=high))
    assert [row["settings"] for row in found] == [
        "loss=ce", "loss=gce, gce_q=0.3", "loss=gce, gce_q=0.7"
    ]  # fmt: skip


def test_long_settings_stand_below_the_table():
    long = {"weight_mode": "clamp", "learning_rate": 0.1, "pretrained_ckpt": "runs/" + "x" * 50}
    short = long | {"pretrained_ckpt": None}
    without, with_it = rows(result(settings=short), result(settings=long))
    assert (without["settings"], with_it["settings"]) == ("pretrained_ckpt=None", "[1]")
    text = f"- [1] pretrained_ckpt={long['pretrained_ckpt']}"
    assert notes(result(settings=short), result(settings=long))[-1] == text


def test_other_data_and_other_splits_have_rows_of_their_own():
    assert "note" not in rows(result())[0]
    found = rows(
        result(), result(data_note="cifar10-like (5 images)"), result(eval_split="validation")
    )
    assert [row["note"] for row in found] == ["-", "validation split", "cifar10-like (5 images)"]


def test_the_noise_is_defined_below_the_table():
    assert notes(result())[1:] == [
        "- uniform noise: each label is redrawn with probability R from all K classes: "
        "R·(K−1)/K are wrong"
    ]
    assert notes(result(noise_type=None))[1:] == []
    assert notes(result(noise_type="rain"))[1:] == [
        "- rain noise: defined in ieg/data/noise/rain.py"
    ]
    assert set(table.NOISE) >= set(noise.REGISTRY.names())


def test_published_numbers_stand_beside_ours():
    plain = {"label_smoothing": 0.0, "l2_weight_decay": 5e-4, "loss": "ce"}
    results = [
        result(dataset="cifar100_uniform_0.40", network="wrn28-10"),
        result(dataset="cifar100_symmetric_0.4", method="supervised", settings=plain),
    ]
    first, second = sorted(rows(*results), key=lambda row: row["method"])
    sym = "0.5575 (sym: exact share, redrawn from all classes) [5]"
    flip = "0.6134 (uniform flip, not defined further) [4]"
    assert first[L2R_40] == f"{sym}; {flip}"
    assert first["published, last step"] == "-"
    assert "0.501 [1]" in second["published, last step"]
    below = "\n".join(notes(*results))
    assert "- [1] ProSelfLC (CVPR 2021): CIFAR-100 sym 0.4, ResNet-44\n" in below
    assert (
        "- [5] CMW-Net (arXiv 2202.05613), table 2: CIFAR-100 sym 0.4, network not stated" in below
    )
    assert "published numbers come from other code" in below
    assert list(second).index("published, last step") == list(second).index("top-1, last step") + 1


@pytest.mark.parametrize(
    "change",
    [
        {"data_note": "cifar100-like (10,000 images)"},
        {"eval_split": "validation"},
        {"dataset": "cifar100_superpair_0.4"},
        {"dataset": "cifar100_uniform_0.5"},
        {"method": "ieg"},
        {"settings": {"weight_mode": "sigmoid"}},
        {"settings": {}},
    ],
)
def test_published_numbers_of_something_else_are_not_shown(change):
    beside = result(dataset="cifar100_uniform_0.4")
    assert L2R_40 in rows(beside)[0]
    row = rows(beside | change)[0]
    assert not any(title.startswith("published") for title in row)
    assert not any("published" in note for note in notes(beside | change))


def test_what_two_sources_say_alike_stands_once():
    settings = {"label_smoothing": 0.0, "loss": "ce", "train_rule": "none"}
    plain = result(dataset="cifar100_imbal_0.01", method="supervised", settings=settings)
    assert rows(plain)[0][L2R_40] == "0.3832 [1] [2]"


def test_a_number_that_nobody_read_in_its_paper_is_marked():
    drw = {"loss": "ldam", "train_rule": "drw"}
    tail = result(dataset="cifar10_imbal_0.01", method="supervised", settings=drw)
    assert rows(tail)[0][L2R_40] == "0.7703 (unverified) [1]"
    assert (
        "- [1] LDAM (NeurIPS 2019): long-tailed CIFAR-10, imbalance 100, network not stated; from "
        "memory, not read in the paper"
    ) in notes(tail)


@pytest.mark.parametrize(
    ("settings", "other"),
    [
        ({"l2r_warmup_epochs": 2, "use_ema": False}, True),
        ({"l2r_warmup_epochs": 0, "use_ema": True}, True),
        ({"l2r_warmup_epochs": 0, "use_ema": False}, True),
        ({"l2r_warmup_epochs": 0, "use_ema": False, "probe_batch_size": 100}, False),
    ],
)
def test_another_setting_than_that_of_the_published_l2r_is_said(settings, other):
    run = result(dataset="cifar100_uniform_0.4", settings={"weight_mode": "clamp"} | settings)
    assert any("l2r_warmup_epochs=0, use_ema=False" in note for note in notes(run)) is other


def test_the_same_seed_twice_is_refused():
    with pytest.raises(InputError, match=r"two runs of digits_uniform_0\.4 .*have the same seed"):
        table.rows_of([result(), result()])


def test_a_bar_in_a_name_breaks_no_row():
    text = table.markdown(table.rows_of([result(dataset="folder:a|b")]))
    assert r"| folder:a\|b |" in text


def write(folder: Path, **changes):
    folder.mkdir(parents=True)
    content = result(**changes)
    noise_type = content.pop("noise_type")
    (folder / "result.json").write_text(json.dumps(content))
    (folder / "data.json").write_text(json.dumps({"noise_type": noise_type}))


def test_command_reads_folders_and_writes_csv(tmp_path, capsys):
    write(tmp_path / "runs/a/seed1", top1=0.8, noise_type="symmetric")
    write(tmp_path / "runs/a/seed2", top1=0.9, seed=2, noise_type="symmetric")
    write(tmp_path / "runs/b", dataset="cifar10_imbal_0.01", settings={"weight_mode": "clamp"})
    file = tmp_path / "table.csv"
    assert table.main([str(tmp_path / "runs"), f"--csv={file}"]) == 0
    printed = capsys.readouterr().out
    assert "| digits_uniform_0.4 | 0.360 | l2r | cnn | 10 | 1, 2 | 0.850 ± 0.050 |" in printed
    assert "- symmetric noise: an exact share R" in printed
    with open(file, newline="") as lines:
        long_tail, digits = csv.DictReader(lines)
    assert digits["seeds"] == "1 2"
    assert float(digits["top1_mean"]) == pytest.approx(0.85)
    assert float(digits["top1_std"]) == pytest.approx(0.05)
    assert (digits["recovered_mean"], digits["noise_type"]) == ("", "symmetric")
    assert digits["published_unstated"] == ""
    assert long_tail["published_unstated"] == (
        "0.7416 [FaMUS, table 8: long-tailed CIFAR-10, imbalance 100, ResNet-32]"
    )


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "no finished run below"),
        ("{", "cannot read"),
        ("[]", "does not hold a JSON object"),
        ('{"dataset": "digits"}', "'method' is missing"),
    ],
)
def test_bad_folder_is_one_line(tmp_path, capsys, content, part):
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    assert table.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and part in error


def test_bad_usage_is_one_line(tmp_path, capsys):
    write(tmp_path / "run")
    assert table.main([str(tmp_path), f"--csv={tmp_path}/no/such/folder.csv"]) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    with pytest.raises(SystemExit) as caught:
        table.main([])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_as_a_module_it_does_not_wait_for_tensorflow(tmp_path):
    write(tmp_path / "run")
    code = (
        "import sys; from ieg.report import table; "
        f"status = table.main([{str(tmp_path)!r}]); print('tensorflow' in sys.modules, status)"
    )
    root = Path(table.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("False 0\n")


def test_shots_stand_where_classes_differ_in_size():
    even = result(balanced_accuracy=0.9, many_shot=0.9, medium_shot=None, few_shot=None)
    tail = even | {"dataset": "digits_imbal_0.02", "medium_shot": 0.7, "balanced_accuracy": 0.85}
    assert "balanced accuracy" not in rows(even)[0]
    long_tailed, balanced = rows(even, tail)
    assert long_tailed["balanced accuracy"] == "0.850"
    assert (long_tailed["many-shot"], long_tailed["medium-shot"]) == ("0.900", "0.700")
    assert "few-shot" not in long_tailed  # no row has such classes
    assert balanced["balanced accuracy"] == balanced["many-shot"] == "-"
