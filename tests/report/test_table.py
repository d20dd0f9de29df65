"""The table over seeds: hand-computed means, unknown values, errors."""

import json

import pytest

from ieg.errors import InputError
from ieg.report import table


def result(**changes):
    base = {
        "dataset": "digits_uniform_0.4",
        "data_note": None,
        "method": "l2r",
        "network": "cnn",
        "steps": 10,
        "seed": 1,
        "top1": 0.9,
        "top1_best": 0.95,
        "wrong_label_fit": 0.1,
        "recovered": None,
        "seconds": 4.6,
    }
    return {**base, **changes}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_mean_and_deviation_over_seeds():
    lines = table.markdown([result(seed=1, top1=0.8), result(seed=2, top1=1.0)]).splitlines()
    assert len(lines) == 3
    row = dict(zip(cells(lines[0]), cells(lines[2]), strict=True))
    assert row["seeds"] == "2"
    assert row["top-1, last step"] == "0.900 ± 0.100"
    assert row["top-1, best step"] == "0.950 ± 0.000"
    assert row["recovered"] == "-"
    assert row["seconds"] == "5"


def test_settings_that_differ_get_rows_of_their_own():
    others = [result(method="supervised"), result(steps=20), result(data_note="letters")]
    others += [result(settings={"learning_rate": 0.001})]
    lines = table.markdown([result(), *others]).splitlines()
    assert len(lines) == 2 + 5
    assert sum("| letters |" in line for line in lines) == 1


def test_the_same_seed_twice_is_refused():
    with pytest.raises(InputError, match=r"two runs of digits_uniform_0\.4 .*have the same seed"):
        table.markdown([result(), result()])


def test_command_reads_folders(tmp_path, capsys):
    for seed in (1, 2):
        folder = tmp_path / f"seed{seed}"
        folder.mkdir()
        (folder / "result.json").write_text(json.dumps(result(seed=seed)))
    assert table.main([str(tmp_path)]) == 0
    assert "| digits_uniform_0.4 |  | l2r | cnn | 10 | 2 |" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "{"])
def test_bad_folder_is_one_line(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    assert table.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
