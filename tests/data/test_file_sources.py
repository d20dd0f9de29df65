"""The sources of image files: what they list, in which order, and what is known of the labels."""

import json
import logging
import os
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ieg.data import names
from ieg.data.dataset import Dataset
from ieg.errors import InputError
from tests.data import trees
from tests.datasets import prepare


def ready(name: str, **options: object) -> Dataset:
    settings = {"seed": 1, "probe_ratio": 0, "image_size": 8}
    return prepare(name, **{**settings, **options})


def paths(images: object) -> list[str]:
    return [path.decode() for path in images.paths]


def test_a_folder_with_splits(tmp_path: Path) -> None:
    trees.write_folder(tmp_path, train=3, test=1)
    data = ready(f"folder:{tmp_path}")
    assert data.class_names == trees.CLASSES
    assert paths(data.train.images)[:4] == [
        *(f"train/ant/0{number}.jpg" for number in range(3)),
        "train/bee/00.jpg",
    ]
    np.testing.assert_array_equal(data.given_labels, np.repeat(np.arange(3), 3))
    assert paths(data.evaluation.images) == [f"test/{name}/00.jpg" for name in trees.CLASSES]
    assert data.train.images.shape == (9, 8, 8, 3)
    assert data.train.images.area == (0.4, 0)
    assert data.made_split is None


@pytest.mark.parametrize("top", ["", "train"])
def test_without_test_images_a_fifth_of_each_class_is_split_off(tmp_path: Path, top: str) -> None:
    trees.write_classes(tmp_path / top, 10)
    data, other = ready(f"folder:{tmp_path}"), ready(f"folder:{tmp_path}", seed=2)
    np.testing.assert_array_equal(np.bincount(data.evaluation.labels), [2, 2, 2])
    np.testing.assert_array_equal(data.class_counts, [8, 8, 8])
    assert data.made_split is not None
    table = dict(zip(data.made_split["path"], data.made_split["split"], strict=True))
    assert len(table) == 30
    assert {path.decode() for path, split in table.items() if split == "test"} == set(
        paths(data.evaluation.images)
    )
    assert not set(paths(data.evaluation.images)) & set(paths(data.train.images))
    assert paths(ready(f"folder:{tmp_path}").evaluation.images) == paths(data.evaluation.images)
    assert paths(other.evaluation.images) != paths(data.evaluation.images)


def test_of_a_folder_nobody_knows_the_true_labels_unless_noise_is_added(tmp_path: Path) -> None:
    trees.write_folder(tmp_path)
    data = ready(f"folder:{tmp_path}")
    assert (data.true_labels == -1).all()
    assert (data.noise.kind, data.noise.measured, data.noise.transition) == ("unknown", None, None)
    noisy = ready(f"folder:{tmp_path}", noise="symmetric_0.5")
    np.testing.assert_array_equal(noisy.true_labels, data.given_labels)
    assert (noisy.noise.asked, noisy.noise.measured) == (0.5, 0.5)
    thin = ready(f"folder:{tmp_path}", noise="imbal_0.1")
    np.testing.assert_array_equal(thin.class_counts, [10, 3, 1])
    assert thin.noise.measured is None


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell expands it behind folder: or --label_corrections=."""
    trees.write_folder(tmp_path / "photos")
    (tmp_path / "new.csv").write_text("path,new_label\ntrain/ant/00.jpg,bee\n")
    (tmp_path / "all.csv").write_text("path,label\n" + "".join(
        f"photos/train/{name}/{k:02d}.jpg,{name}\n" for name in trees.CLASSES for k in range(10)
    ))  # fmt: skip
    monkeypatch.setenv("HOME", str(tmp_path))
    for kind, file in (("folder", "photos"), ("csv", "all.csv")):
        found = [ready(f"{kind}:{place}/{file}") for place in ("~", tmp_path)]
        assert found[0].digest == found[1].digest
        folders = {names.parse(f"{kind}:{place}/{file}").folder() for place in ("~", tmp_path)}
        assert len(folders) == 1
    corrected = ready("folder:~/photos", label_corrections="~/new.csv")
    assert corrected.corrections is not None and corrected.corrections.relabelled == 1
    name = names.parse("folder:~/photos")
    assert name.folder("~/new.csv") == name.folder(f"{tmp_path}/new.csv")


def test_clean_examples_of_the_user_are_probe_data_and_nothing_else(tmp_path: Path) -> None:
    trees.write_folder(tmp_path, train=5, probe=2)
    trees.write_image(tmp_path / "probe" / "cat" / "more.png", 2, 50)
    for ratio in (0, 0.02):
        data = ready(f"folder:{tmp_path}", probe_ratio=ratio, noise="uniform_0.9")
        np.testing.assert_array_equal(data.train_indices, np.arange(15))
    assert data.probe_indices.shape == (3, 3)
    assert data.probe_size == 7
    np.testing.assert_array_equal(
        data.given_labels[data.probe_indices], [[0] * 3, [1] * 3, [2] * 3]
    )
    assert paths(data.train.images[data.probe_indices[0]]) == [
        f"probe/ant/0{number}.jpg" for number in (0, 1, 0)
    ]


def test_methods_that_need_clean_examples_are_refused_where_nobody_knows_any(
    tmp_path: Path,
) -> None:
    trees.write_folder(tmp_path)
    with pytest.raises(InputError, match=r"needs clean probe images.* `method=fsr` .*probe/CLASS"):
        ready(f"folder:{tmp_path}", probe_ratio=0.1)
    ready(f"folder:{tmp_path}", probe_ratio=0.1, noise="uniform_0.2")
    trees.write_image(tmp_path / "probe" / "cat" / "1.png", 2)
    with pytest.raises(InputError, match="2 of 3 classes have no clean probe image, the first"):
        ready(f"folder:{tmp_path}", probe_ratio=0.1)


def test_a_validation_split_leaves_the_clean_examples_alone(tmp_path: Path) -> None:
    trees.write_folder(tmp_path, train=10, probe=10)
    data = ready(f"folder:{tmp_path}", eval_split="validation", validation_ratio=0.5)
    chosen = paths(data.evaluation.images)
    assert chosen and all(path.startswith("train/") for path in chosen)
    assert not set(chosen) & set(paths(data.train.images[data.train_indices]))


def test_files_that_are_left_out_are_counted_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trees.write_folder(tmp_path, train=2, test=1)
    ant = tmp_path / "train" / "ant"
    for number in range(4):
        (ant / f"empty{number}.jpg").touch()
    (ant / "notes.txt").write_text("not seen")
    (ant / ".DS_Store").touch()
    trees.write_image(ant / "inside" / "deeper.png", 0, 7)
    with caplog.at_level(logging.WARNING, "ieg"):
        data = ready(f"folder:{tmp_path}")
    assert paths(data.train.images)[:3] == [
        "train/ant/00.jpg",
        "train/ant/01.jpg",
        "train/ant/inside/deeper.png",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "files left out: 4 empty (0 bytes): train/ant/empty0.jpg, train/ant/empty1.jpg, "
        "train/ant/empty2.jpg and 1 more",
        "files left out: 1 with endings of no image: train/ant/notes.txt",
        "files left out: 1 hidden or of the system: train/ant/.DS_Store",
    ]


def table(tmp_path: Path, rows: list[str], header: str) -> str:
    for number in range(12):
        trees.write_image(tmp_path / "images" / f"{number}.jpg", number, number)
    return f"csv:{trees.write_table(tmp_path / 'labels.csv', rows, header)}"


def test_a_table_with_all_columns(tmp_path: Path) -> None:
    rows = [
        'images/0.jpg,"ant, red",train,',
        "images/1.jpg,bee,,bee",
        'images/2.jpg,"ant, red",train,bee',
        "images/3.jpg,bee,test,",
        "images/4.jpg,bee,probe,",
        'images/5.jpg,bee,probe,"ant, red"',
        'images/6.jpg,bee,test,"ant, red"',
    ]
    name = table(tmp_path, rows, "path,label,split,true_label")
    data = ready(name, probe_ratio=0.5)
    assert data.class_names == ("ant, red", "bee")
    assert paths(data.train.images) == [f"images/{k}.jpg" for k in (0, 1, 2, 4, 5)]
    np.testing.assert_array_equal(data.train.labels, [0, 1, 0, 1, 1])
    np.testing.assert_array_equal(data.best_labels, [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(data.given_labels, [0, 1, 0, 1, 0])
    np.testing.assert_array_equal(data.true_labels, [-1, 1, 1, -1, -1])
    np.testing.assert_array_equal(data.train_indices, [0, 1, 2])
    np.testing.assert_array_equal(data.probe_indices, [[4], [3]])
    np.testing.assert_array_equal(data.evaluation.labels, [1, 0])  # the true one where known
    assert (data.noise.kind, data.noise.asked, data.noise.measured) == ("given labels", None, 0.5)
    # Another digest would refuse to go on with runs of earlier versions.
    assert data.digest == "c2df72c9001e428f"
    assert ready(name).digest == "65630539320db0c2"


def test_numbers_as_labels_are_ordered_by_value(tmp_path: Path) -> None:
    rows = [f"images/{k}.jpg,{(2, 10, 9)[k % 3]}" for k in range(12)]
    data = ready(table(tmp_path, rows, "path,label"))
    assert data.class_names == ("2", "9", "10")
    assert (data.true_labels == -1).all()
    np.testing.assert_array_equal(np.bincount(data.evaluation.labels), [1, 1, 1])


def test_a_table_with_true_labels_has_a_noise_report_and_takes_probe_data_from_them(
    tmp_path: Path,
) -> None:
    rows = [f"images/{k}.jpg,{'ab'[k % 2]},{'train' if k < 10 else 'test'},a" for k in range(12)]
    rows[1] = "images/1.jpg,b,train,b"
    rows[3] = "images/3.jpg,b,train,b"
    data = ready(table(tmp_path, rows, "path,label,split,true_label"), probe_ratio=0.2)
    np.testing.assert_array_equal(
        data.given_labels[data.probe_indices], data.true_labels[data.probe_indices]
    )
    kept = data.train_indices
    assert data.noise.measured == np.mean(data.given_labels[kept] != data.true_labels[kept]) > 0


def test_rows_that_repeat_themselves_or_have_no_file_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"images/{k}.jpg,{'ab'[k % 2]}" for k in range(12)]
    rows += ["images/../images/3.jpg,b", "images/99.jpg,a"]
    with caplog.at_level(logging.WARNING, "ieg"):
        data = ready(table(tmp_path, rows, "path,label"))
    assert len(data.train.labels) + len(data.evaluation.labels) == 12
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "files left out: 1 missing: images/99.jpg",
        "files left out: 1 that are listed elsewhere too: images/../images/3.jpg",
    ]


def test_imagenet_in_the_official_layout(tmp_path: Path) -> None:
    trees.write_imagenet(tmp_path)
    data = ready("imagenet_uniform_0.5", dataset_dir=str(tmp_path))
    assert data.class_names == trees.WNIDS[:3]
    assert paths(data.train.images)[0] == "train/n00000000/n00000000_0.JPEG"
    assert data.note == "imagenet-like (30 images in 3 classes, 6 to test)"
    assert data.noise.asked == 0.5 and (data.true_labels >= 0).all()
    at_its_size = ready("imagenet", dataset_dir=str(tmp_path), image_size=0)
    assert at_its_size.train.images.shape == (30, 224, 224, 3)
    assert at_its_size.strong == ("imagenet", False, 0, False, 16, False)
    assert at_its_size.train.images.area == (0.08, 0)


def test_webvision_mini_has_fifty_classes_and_takes_probe_data_from_imagenet(
    tmp_path: Path,
) -> None:
    trees.write_webvision(tmp_path)
    folder = str(tmp_path)
    data = ready("webvisionmini", dataset_dir=folder)
    assert len(data.class_names) == 50 and data.class_names[7] == "thing 7"
    assert len(data.train_indices) == 100 and len(data.evaluation.labels) == 50
    assert paths(data.train.images)[:2] == [f"webvision/google/q0000/{k}.jpg" for k in (0, 1)]
    assert data.noise.kind == "labels of a web search" and data.noise.measured is None
    with pytest.raises(InputError, match="ImageNet beside WebVision"):
        ready("webvisionmini", dataset_dir=folder, probe_ratio=0.02)
    trees.write_imagenet(tmp_path, classes=51, train=12, val=1)
    with_probe = ready("webvisionmini", dataset_dir=folder, probe_ratio=0.02)
    np.testing.assert_array_equal(with_probe.train_indices, data.train_indices)
    assert with_probe.probe_indices.shape == (50, 10)
    seven = paths(with_probe.train.images[with_probe.probe_indices[7]])
    assert len(set(seven)) == 10
    assert all(path.startswith("imagenet/train/n00000007/") for path in seven)


def test_webvision_mini_on_the_validation_images_of_imagenet(tmp_path: Path) -> None:
    trees.write_webvision(tmp_path, train=1)
    trees.write_imagenet(tmp_path, classes=51, train=0, val=2)
    data = ready("webvisionmini", dataset_dir=str(tmp_path), use_imagenet_as_eval=True)
    assert paths(data.evaluation.images)[2] == "imagenet/val/n00000001/n00000001_0.JPEG"
    np.testing.assert_array_equal(data.evaluation.labels, np.repeat(np.arange(50), 2))
    assert data.note.endswith(", tested on ImageNet's validation images")


def test_results_of_a_path_stand_under_a_short_name_of_their_own(tmp_path: Path) -> None:
    def folder(path: str) -> str:
        return names.parse(f"folder:{tmp_path}/{path}", "uniform_0.4").folder()

    one = folder("my photos")
    assert one.startswith("folder_my-photos-") and one.endswith("_uniform_0.4")
    assert len(one) == len("folder_my-photos-") + 8 + len("_uniform_0.4")
    assert one != folder("your/my photos")
    assert one == folder("your/../my photos/")
    assert names.parse("digits_uniform_0.4").folder() == "digits_uniform_0.4"


def test_the_digest_tells_which_files_there_are(tmp_path: Path) -> None:
    trees.write_folder(tmp_path)
    first = ready(f"folder:{tmp_path}").digest
    assert first == ready(f"folder:{tmp_path}").digest and json.dumps(first)
    (tmp_path / "train" / "ant" / "00.jpg").rename(tmp_path / "train" / "bee" / "zz.jpg")
    assert ready(f"folder:{tmp_path}").digest not in (first, None)
    assert prepare("digits", seed=1, probe_ratio=0).digest is None


def test_paths_stay_as_they_are_given_and_the_digest_does_not_see_it(tmp_path: Path) -> None:
    found = set()
    for place, spelling in (("one", "{}"), ("two", "./{}"), ("three", "{folder}/a/../{}")):
        folder = tmp_path / place
        for number in range(6):
            trees.write_image(folder / f"{number}.jpg", number)
        (folder / "a").mkdir()
        given = [spelling.format(f"{k}.jpg", folder=folder) for k in range(6)]
        rows = [f"{path},{k % 2},{'test' if k > 3 else ''}" for k, path in enumerate(given)]
        data = ready(f"csv:{trees.write_table(folder / 'list.csv', rows, 'path,label,split')}")
        assert paths(data.train.images) + paths(data.evaluation.images) == given
        assert not data.train.images.loader().damaged()
        (pixels,) = data.train.images.loader().test_batches(np.arange(4)[np.newaxis])
        found.add((data.digest, pixels.numpy().tobytes()))
    assert len(found) == 1


def test_the_digest_tells_how_they_are_labelled(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e", "f"):
        trees.write_image(tmp_path / f"{name}.jpg")
    rows = ["a.jpg,cat,cat", "b.jpg,dog,dog", "c.jpg,cat,cat", "d.jpg,dog,dog"]
    rows += ["e.jpg,cat,cat", "f.jpg,dog,dog"]
    digests = set()
    for first in (rows[0], "a.jpg,dog,cat", "a.jpg,cat,"):
        header = "path,label,true_label"
        table = trees.write_table(tmp_path / "labels.csv", [first, *rows[1:]], header)
        digests.add(ready(f"csv:{table}").digest)
    assert len(digests) == 3


def test_a_table_looks_at_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["path,label,split"]
    for number in range(8):
        trees.write_image(tmp_path / f"{number}.jpg", number % 2, number)
        lines.append(f"{number}.jpg,{number % 2},{'test' if number > 5 else 'train'}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    looks, stat = Counter[str](), os.stat

    def counted(path: Any, *rest: Any, **more: Any) -> os.stat_result:
        looks[os.path.basename(os.fspath(path))] += 1
        return stat(path, *rest, **more)

    monkeypatch.setattr(os, "stat", counted)
    assert len(ready(f"csv:{tmp_path / 'labels.csv'}").train.images) == 6
    assert {name: looks[name] for name in looks if name.endswith(".jpg")} == {
        f"{number}.jpg": 1 for number in range(8)
    }


@pytest.mark.parametrize("base", ["folder", "csv"])
def test_a_long_list_takes_few_bytes_for_each_image(tmp_path: Path, base: str) -> None:
    (tmp_path / "image").write_bytes(b"never decoded")
    sizes, lines = {"train": 500, "test": 1}, ["path,label,split"]
    for split, count in sizes.items():
        for label in "abcdefghijklmnop":
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(count):
                path = f"{split}/{label}/{number:010d}.jpg"
                os.link(tmp_path / "image", tmp_path / path)
                lines.append(f"{path},{label},{split}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    name = f"csv:{tmp_path / 'labels.csv'}" if base == "csv" else f"folder:{tmp_path}"
    ready(name)  # imports
    tracemalloc.start()
    data = ready(name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data.train.labels) == 8_000
    assert peak < 8_000 * 150  # a str of each path and its place in a list take 90
