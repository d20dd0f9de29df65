"""ImageNet out of TensorFlow Datasets: a stand-in for the package becomes a tree of files."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ieg.data import imagenet_tree


def stand_in(folder: Path) -> SimpleNamespace:
    """The few calls that are made of the package, with three undecoded images."""

    def as_dataset(split: str, decoders: Any) -> list[dict]:
        assert decoders == {"image": "undecoded"}
        return [
            {"image": f"{split} {k}".encode(), "label": k % 2, "file_name": f"{k}.JPEG".encode()}
            for k in range(3)
        ]

    def builder(name: str, data_dir: str | None) -> SimpleNamespace:
        assert name == "imagenet2012"
        labels = SimpleNamespace(names=["n01440764", "n01443537"])
        return SimpleNamespace(
            data_dir=data_dir or str(folder),
            info=SimpleNamespace(features={"label": labels}),
            as_dataset=as_dataset,
        )

    decode = SimpleNamespace(SkipDecoding=lambda: "undecoded")
    return SimpleNamespace(builder=builder, decode=decode, as_numpy=lambda dataset: dataset)


def test_both_splits_are_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", stand_in(tmp_path))
    flags = [f"--dataset_dir={tmp_path / 'data'}"]
    assert imagenet_tree.main(flags) == 0
    root = tmp_path / "data" / "imagenet"
    assert (root / "val" / "n01440764" / "2.JPEG").read_bytes() == b"validation 2"
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.JPEG")) == [
        f"{split}/{name}"
        for split in ("train", "val")
        for name in ("n01440764/0.JPEG", "n01440764/2.JPEG", "n01443537/1.JPEG")
    ]
    (root / "val" / "n01443537" / "1.JPEG").unlink()
    capsys.readouterr()
    assert imagenet_tree.main([*flags, "--split=val"]) == 0
    assert capsys.readouterr().out == f"1 images written to {root / 'val'}\n"


def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    assert imagenet_tree.main([]) == 2
    assert "pip install tensorflow-datasets" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", stand_in(tmp_path))
    assert imagenet_tree.main([f"--tfds_dir={tmp_path / 'nowhere'}"]) == 2
    assert "imagenet2012 is not prepared in" in capsys.readouterr().err
