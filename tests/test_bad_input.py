"""Bad input: one clear line, status 1 or 2, and nothing written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ieg import config, experiment
from ieg.main import main
from ieg.networks import pretrained
from tests import runs

SMALL = (
    "--dataset=digits_uniform_0.4",
    "--method=supervised",
    "--batch_size=20",
    "--max_iteration=6",
    "--eval_freq=2",
)

Refused = Callable[..., str]


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must fail and returns its one line of error."""

    def run(*flags: str) -> str:
        capfd.readouterr()
        status = main(["ieg", *SMALL, *flags])
        captured = capfd.readouterr()
        lines = captured.err.splitlines()
        assert len(lines) == 1, captured.err
        assert lines[0].startswith("error: ")
        assert "Traceback" not in captured.out
        assert status in (1, 2)
        return lines[0]

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a finished run with checkpoints of steps 2, 4 and 6."""
    root = tmp_path_factory.mktemp("trained") / "runs"
    runs.train(root, *SMALL)
    return root


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """The folder of a copy of that run; its root is `tmp_path / "runs"`."""
    shutil.copytree(trained, tmp_path / "runs")
    return runs.only_run(tmp_path / "runs")


def refused_unchanged(refused: Refused, run: Path, *flags: str) -> str:
    """The error of a command on an existing run, none of whose files changes."""
    root = run.parents[3]
    before = runs.snapshot(root)
    line = refused(f"--checkpoint_path={root}", *flags)
    assert runs.snapshot(root) == before
    return line


def without(values: dict, name: str) -> dict:
    return {key: value for key, value in values.items() if key != name}


NAMES = [
    ("--dataset=svhn", "unknown data set", "BASE cifar10,", "digits"),
    ("--dataset=digits_foggy_0.4", "unknown noise type 'foggy'", "superpair|symmetric|uniform"),
    ("--dataset=digits_uniform", "noise ratio is missing", "BASE_NOISE_RATIO"),
    ("--dataset=digits_uniform_1.2", "must be in [0, 1], not 1.2"),
    ("--dataset=digits_uniform_-0.1", "must be in [0, 1], not -0.1"),
    ("--dataset=digits_uniform_nan", "must be in [0, 1], not nan"),
    ("--dataset=digits_uniform_lots", "must be a number, not 'lots'"),
    ("--dataset=digits_imbal_0", "must be in (0, 1], not 0"),
    ("--dataset=digits_imbal_0.001", "without an image", "smallest factor that works is 0.0073"),
    ("--method=l2rr", "unknown method 'l2rr'", "did you mean 'l2r'", "supervised"),
    ("--network_name=cnnn", "unknown network 'cnnn'", "did you mean 'cnn'", "resnet32"),
    ("--loss=proself", "unknown loss 'proself'", "did you mean 'proselflc'", "balanced_softmax"),
    ("--mode=test", "--mode=test", "train, audit"),
    ("--eval_split=train", "--eval_split=train", "test, validation"),
    ("--lr_schedule=steps", "--lr_schedule=steps", "cosine_epoch, custom_step"),
    ("--meta_stepsize=0.1", "--meta_stepsize: no option of --method=supervised"),
    ("--seeed=1", "Unknown command line flag 'seeed'", "seed"),
    ("train", "'train' is no flag", "--dataset=digits"),
    ("--flagfile=/no/such/file", "flagfile", "/no/such/file"),
]

WRONG_TYPES = [
    ("--batch_size=many", "--batch_size=many: must be a whole number"),
    ("--batch_size=1.5", "--batch_size=1.5: must be a whole number"),
    ("--batch_size=", "--batch_size=: must be a whole number"),
    ("--max_iteration=1e3", "--max_iteration=1e3: must be a whole number"),
    ("--seed=one", "--seed=one: must be a whole number"),
    ("--learning_rate=fast", "--learning_rate=fast: must be a number"),
    ("--use_ema=perhaps", "--use_ema=perhaps: must be true or false"),
    ("--batch_size", "Missing value for flag --batch_size"),
]

# flag, what must be said; each value is refused for each of its flags
OUT_OF_RANGE = [
    *((f"--{name}={value}", f"--{name}={value}: must be above 0")
      for name in ("batch_size", "val_batch_size", "max_iteration", "max_epoch", "eval_freq",
                   "train_eval_size", "accumulation_steps")
      for value in (0, -1)),
    *((f"--{name}={value}", f"--{name}={value}: must be above 0")
      for name in ("learning_rate", "decay_rate", "cos_m_mul")
      for value in (0.0, -0.1)),
    *((f"--{name}=-1", f"--{name}=-1", "must be at least 0")
      for name in ("seed", "restore_step", "l2_weight_decay", "clip_norm", "warmup_epochs")),
    *((f"--{name}=1", f"--{name}=1", "must be at least 0 and below 1")
      for name in ("momentum", "label_smoothing", "dropout_rate", "probe_dataset_hold_ratio")),
    ("--validation_ratio=0", "must be above 0 and below 1"),
    ("--cos_t_mul=0.5", "must be at least 1"),
    ("--learning_rate=nan", "must be above 0"),
    ("--learning_rate=inf", "must be finite"),
    ("--warmup_epochs=inf", "must be finite"),
    ("--seed=99999999999999999999", "must be at most 2147483647"),
    *((f"--loss={loss} --{name}={value}", f"--{name}={value}: must be above 0")
      for loss, name in (("proselflc", "proselflc_temperature"),
                         ("label_correction", "target_temperature"))
      for value in (0.0, -0.5)),
    *((f"--loss={loss} --target_epsilon={value}", "must be at least 0 and at most 1")
      for loss in ("confidence_penalty", "label_correction", "boot_hard")
      for value in (-0.1, 1.1)),
    ("--loss=gce --gce_q=0", "must be above 0 and at most 1"),
    ("--loss=proselflc --proselflc_exp_base=-1", "must be at least 0"),
    ("--method=l2r --meta_stepsize=0", "--meta_stepsize=0.0: must be above 0"),
]  # fmt: skip

DO_NOT_FIT = [
    ("--method=l2r --probe_dataset_hold_ratio=0", "needs clean probe data", "above 0"),
    ("--method=ieg --probe_dataset_hold_ratio=0", "needs clean probe data", "is FSR"),
    ("--method=ieg --aug_type=autoaug", "color", "--aug_type=randaug"),
    ("--method=ieg --aug_type=strong", "must be one of autoaug"),
    ("--method=supervised --ce_factor=1", "no option of --method=supervised"),
    ("--loss=mae --gce_q=0.5", "--gce_q: no option of --loss=mae"),
    ("--loss=proselflc --label_smoothing=0.1", "--loss=proselflc needs 0"),
    ("--drw_epoch=1", "--drw_epoch=1: goes only with --train_rule=drw"),
    ("--train_rule=drw --drw_epoch=9", "must be below the", "epochs of the run"),
    ("--train_rule=sometimes", "must be one of none, reweight, drw"),
    ("--classes_per_batch=7 --batch_size=20", "must divide the global batch of 20"),
    ("--classes_per_batch=20 --batch_size=40", "only 10 classes"),
    ("--sampler=balanced", "such as --classes_per_batch=10"),
    ("--sampler=resample --classes_per_batch=5", "balanced, and no other sampler"),
    ("--sampler=random", "shuffle, balanced, class_aware, resample"),
    ("--images_in_a_row=0", "must be above 0"),
    ("--weak_rotation=200", "at most 180"),
    ("--pixel_mean=0.5", "--pixel_std: --pixel_mean and --pixel_std go together; give both"),
    ("--pixel_mean=0.5,0.4,0.3 --pixel_std=0.2", "must be a number, one per channel"),
    ("--pixel_mean=half --pixel_std=0.2", "--pixel_mean=half: must be a number"),
    ("--pixel_mean=128 --pixel_std=0.2", "--pixel_mean=128: must be in [0, 1]"),
    ("--pixel_mean=0.5 --pixel_std=0", "--pixel_std=0: must be above 0"),
    ("--method=l2r --meta_schedule=learning_rate --meta_stepsize=0.2", "--meta_stepsize=0.2",
     "leave one of them out"),
    ("--few_shot_below=101", "--few_shot_below=101: must be at most --many_shot_above=100"),
    ("--audit_thresholds=dim=0.3", "--audit_thresholds=dim=0.3: dim is none of copy, outlier,"),
    ("--audit_thresholds=dark=low", "dark=low is not dark=NUMBER"),
    ("--audit_thresholds=dark=2", "dark=2 must lie in [0, 1]"),
    ("--audit_thresholds=copy=0.9,outlier=-1", "outlier=-1 must be at least 0"),
    ("--audit_thresholds=copy=0", "copy=0 must lie in (0, 1]"),
    ("--audit_thresholds=dark=0.1,dark=0.2", "dark stands there twice"),
    ("--method=dro_lt", "starts from the weights of a first stage", "as --pretrained_ckpt"),
    ("--method=dro_lt --use_ema", "--use_ema=True: --method=dro_lt needs False"),
    ("--method=dynamic_loss --sampler=class_aware",
     "--sampler=class_aware: does not go with --method=dynamic_loss; leave it out"),
    ("--decay_rate=2", "--decay_rate=2", "at most 1"),
    ("--lr_schedule=constant --warmup_epochs=1", "--warmup_epochs=1.0: must be 0 for"),
    ("--method=dro_lt --accumulation_steps=2", "--method=dro_lt needs 1"),
    ("--accumulation_steps=9 --max_iteration=8", "the run has 8 steps", "nothing would be learned"),
    ("--method=l2r --probe_dataset_hold_ratio=0.001", "less than one for each of 10 classes",
     "smallest ratio that works is 0.007"),
    ("--method=l2r --probe_dataset_hold_ratio=0.98", "none is left to train on",
     "a ratio below 0.96"),
    ("--method=l2r --meta_partial_level=4", "--meta_partial_level=4", "has 3 stages"),
    ("--eval_split=validation --validation_ratio=0.001", "--validation_ratio=0.001",
     "the smallest class has 138"),
    ("--batch_size=2000", "larger than the 1437 images", "smaller --batch_size"),
    ("--lr_schedule=custom_step", "needs its milestones", "--decay_epochs or --decay_steps"),
    ("--lr_schedule=custom_step --decay_steps=20,10", "must be strictly increasing"),
    ("--lr_schedule=cosine_warmup", "must be above 0 for --lr_schedule=cosine_warmup"),
    ("--decay_steps=soon", "--decay_steps=soon: must be numbers separated by commas"),
    ("--decay_steps=10,,20", "--decay_steps=10,,20: must be numbers separated by commas"),
    ("--decay_steps=inf", "--decay_steps=inf: must be numbers separated by commas"),
    ("--decay_steps=0", "at least one step"),
    ("--restore_step=5", "--restore_step=5: no such checkpoint", "there is none"),
    ("--pretrained_ckpt=/no/such", "--pretrained_ckpt=/no/such: no checkpoint there",
     "give a run folder"),
    ("--method=dynamic_loss --dynamic_ranks=1", "--dynamic_ranks=1: must be at least 2"),
    ("--method=dynamic_loss --dynamic_random_ratio=0", "must be above 0 and at most 1"),
    ("--method=dynamic_loss --dynamic_selection=best", "must be one of low_loss, random"),
    ("--method=dynamic_loss --label_smoothing=0.1", "--label_smoothing: is not for"),
    ("--method=dynamic_loss --weak_rotation=5", "--weak_rotation=5", "leave it out"),
    ("--method=dynamic_loss --weak_pad=4", "--weak_pad=4", "leave it out"),
    ("--method=dynamic_loss --dataset=digits_imbal_0.5 --batch_size=800 --dynamic_random_ratio=1",
     "leaves no step of an epoch", "smaller --batch_size or --dynamic_random_ratio"),
    ("--dynamic_ranks=5", "--dynamic_ranks: no option of --method=supervised"),
    ("--dataset=digits_imbal_0.1_prior", "must be a number, not 'prior'"),
    ("--method=mixup_labels --probe_dataset_hold_ratio=0", "needs clean probe data"),
    ("--method=mixup_labels --label_smoothing=0.1", "--method=mixup_labels needs 0.0"),
    ("--method=mixup_labels --mixup_variant=both", "must be one of labels, proposal, upper_bound"),
    ("--method=mixup_labels --mixup_variant=upper_bound", "give its run folder as"),
    ("--method=mixup_labels --mixup_variant=upper_bound --mixup_clean_ckpt=/no/such",
     "--mixup_clean_ckpt=/no/such: no checkpoint there", "give a run folder"),
    ("--method=mixup_labels --mixup_stale=none", "goes only with --mixup_variant=proposal"),
    ("--method=l2r --probe_batch_size=0", "--probe_batch_size=0: must be above 0"),
    ("--mixup_target=soft", "--mixup_target: no option of --method=supervised"),
    ("--mode=visualize --method=dynamic_loss", "no run in", "train one first"),
    ("--mode=evaluation", "no run in", "train one first"),
    ("--mode=evaluation --restore_step=5", "no run in", "train one first"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "words"),
    [(case[0], case[1:]) for case in NAMES + WRONG_TYPES + OUT_OF_RANGE + DO_NOT_FIT],
)
def test_bad_flags_are_refused_before_anything_is_written(
    refused: Refused, tmp_path: Path, flags: str, words: tuple[str, ...]
) -> None:
    line = refused(f"--checkpoint_path={tmp_path / 'runs'}", *flags.split())
    for word in words:
        assert word in line
    assert not list(tmp_path.iterdir())


def test_a_corrected_run_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    flags = (f"--checkpoint_path={tmp_path / 'runs'}", "--mode=evaluation")
    assert refused(*flags).endswith("--network_name, --seed and --checkpoint_path")
    (tmp_path / "decisions.csv").write_text("index,new_label\n")
    line = refused(*flags, f"--label_corrections={tmp_path / 'decisions.csv'}")
    assert line.endswith("--seed, --checkpoint_path and --label_corrections")


def test_a_spreadsheet_without_what_writes_it(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    line = refused(f"--checkpoint_path={tmp_path / 'runs'}", "--write_xlsx")
    assert "--write_xlsx: needs openpyxl: pip install openpyxl" in line
    assert not list(tmp_path.iterdir())


def test_the_smallest_probe_ratio_that_is_named_works(refused: Refused, tmp_path: Path) -> None:
    line = refused(
        f"--checkpoint_path={tmp_path / 'runs'}", "--method=l2r", "--probe_dataset_hold_ratio=0.001"
    )
    smallest = float(line.split()[-1])
    settings = config.resolve({"method": "l2r", "probe_dataset_hold_ratio": smallest})
    assert experiment.build(settings).dataset.probe_indices.shape == (10, 1)


@pytest.mark.parametrize("mode", ["train", "evaluation"])
def test_a_checkpoint_path_below_a_file_is_refused(
    refused: Refused, tmp_path: Path, mode: str
) -> None:
    (tmp_path / "file").write_text("mine")
    line = refused(f"--checkpoint_path={tmp_path / 'file' / 'runs'}", f"--mode={mode}")
    assert str(tmp_path / "file" / "runs") in line
    assert ("--checkpoint_path" in line) and (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("mode", ["train", "evaluation"])
def test_a_restore_step_that_does_not_exist(refused: Refused, run: Path, mode: str) -> None:
    line = refused_unchanged(refused, run, "--restore_step=5", f"--mode={mode}")
    assert "--restore_step=5: no such checkpoint" in line
    assert "there are: 2, 4, 6" in line


def test_evaluation_without_a_checkpoint(refused: Refused, run: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    assert "has no checkpoint yet" in refused_unchanged(refused, run, "--mode=evaluation")


def cut_in_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip_one_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("flags", ["--mode=evaluation", "--max_iteration=8"])
@pytest.mark.parametrize("damage", [cut_in_half, empty, flip_one_bit, Path.unlink])
@pytest.mark.parametrize("file", ["step-6.index", "step-6.data-00000-of-00001"])
def test_a_damaged_checkpoint(
    refused: Refused, run: Path, file: str, damage: Callable[[Path], None], flags: str
) -> None:
    damage(run / "checkpoints" / file)
    line = refused_unchanged(refused, run, flags)
    assert "step-6 is damaged" in line
    assert "--restore_step=4 takes another one" in line


@pytest.mark.parametrize("damage", [cut_in_half, empty])
@pytest.mark.parametrize("file", ["step-6.index", "step-6.data-00000-of-00001", "checkpoint"])
def test_a_start_from_a_damaged_checkpoint(
    refused: Refused, run: Path, tmp_path: Path, file: str, damage: Callable[[Path], None]
) -> None:
    damage(run / "checkpoints" / file)
    other = tmp_path / "other"
    line = refused_unchanged(refused, run, f"--pretrained_ckpt={run}", f"--checkpoint_path={other}")
    assert str(run) in line
    assert "damaged" in line or "no checkpoint there" in line
    assert not other.exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--dataset=digits --max_epoch=20", "=20: of 20 epochs of 73 steps leave none"),
        ("--dataset=digits --network_name=resnet32", "weights of another network than 'resnet32'"),
        ("--dataset=digits --feat_loss=none", "must be some of ce, ce_bal, ce_lt, robust_loss"),
    ],
)
def test_a_second_stage_that_does_not_fit(
    refused: Refused, run: Path, tmp_path: Path, flags: str, words: str
) -> None:
    other = tmp_path / "other"
    stage = ("--method=dro_lt", f"--pretrained_ckpt={run}", f"--checkpoint_path={other}")
    assert words in refused_unchanged(refused, run, *stage, *flags.split())
    assert not other.exists()


def test_a_second_stage_with_another_classifier(
    refused: Refused, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "load", lambda model, path: False)
    stage = ("--method=dro_lt", f"--pretrained_ckpt={run}", f"--checkpoint_path={tmp_path / 'o'}")
    assert "its classifier is another one" in refused_unchanged(refused, run, *stage)


@pytest.mark.parametrize("flags", ["--mode=evaluation", "--max_iteration=8"])
@pytest.mark.parametrize("damage", [cut_in_half, empty])
def test_a_damaged_list_of_checkpoints(
    refused: Refused, run: Path, damage: Callable[[Path], None], flags: str
) -> None:
    damage(run / "checkpoints" / "checkpoint")
    assert "the list of checkpoints, is damaged" in refused_unchanged(refused, run, flags)


def test_a_list_of_checkpoints_of_another_program(refused: Refused, run: Path) -> None:
    (run / "checkpoints" / "checkpoint").write_text(
        'model_checkpoint_path: "model.ckpt-5"\nall_model_checkpoint_paths: "model.ckpt-5"\n'
    )
    line = refused_unchanged(refused, run, "--max_iteration=8")
    assert "the list of checkpoints, is damaged" in line


@pytest.mark.parametrize("flags", ["--mode=evaluation", "--max_iteration=8"])
@pytest.mark.parametrize("other", [{"network_name": "resnet32"}, {"method": "l2r"}])
def test_a_checkpoint_of_another_network_or_method(
    refused: Refused, run: Path, tmp_path: Path, other: dict[str, str], flags: str
) -> None:
    settings = {"method": "supervised", "batch_size": 20, "checkpoint_path": str(tmp_path), **other}
    foreign = experiment.build(config.resolve(settings))
    foreign.checkpoints.save(6)
    shutil.copytree(foreign.folder.checkpoints, run / "checkpoints", dirs_exist_ok=True)
    line = refused_unchanged(refused, run, flags)
    assert "step-6" in line and "another network" in line


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--learning_rate=0.2", "--learning_rate was 0.1 and is 0.2 now"),
        ("--batch_size=30", "--batch_size was 20 and is 30 now"),
        ("--momentum=0", "--momentum was 0.9 and is 0.0 now"),
        ("--nouse_ema", "--use_ema was True and is False now"),
        ("--decay_steps=40", "--decay_steps was 800 and is 40 now"),
        ("--loss=gce", "--loss was ce and is gce now"),
        ("--max_iteration=5", "has reached step 6 already, which is more than the 5 asked for"),
    ],
)
def test_a_folder_of_a_run_with_other_settings(
    refused: Refused, run: Path, flag: str, words: str
) -> None:
    line = refused_unchanged(refused, run, flag)
    assert words in line
    assert "another --checkpoint_path" in line


def test_evaluation_with_a_setting_that_the_run_did_not_have(refused: Refused, run: Path) -> None:
    line = refused_unchanged(refused, run, "--mode=evaluation", "--learning_rate=0.2")
    assert "--learning_rate=0.2" in line and "was trained with 0.1" in line


@pytest.mark.parametrize("flags", ["--mode=evaluation", "--max_iteration=8"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{'no': json", "cannot read"),
        ("", "cannot read"),
        ("[1, 2]", "does not hold a JSON object"),
        ("{}", "'values' is missing"),
        ('{"values": 3}', "'values' is missing or of the wrong type"),
        ('{"values": {}}', "lacks accumulation_steps, aug_per_batch, aug_type"),
    ],
)
def test_a_config_json_that_is_none(
    refused: Refused, run: Path, content: str, words: str, flags: str
) -> None:
    (run / "config.json").write_text(content)
    line = refused_unchanged(refused, run, flags)
    assert words in line and str(run / "config.json") in line


@pytest.mark.parametrize("flags", ["--mode=evaluation", "--max_iteration=8"])
@pytest.mark.parametrize("name", ["learning_rate", "seed", "use_ema"])
def test_a_config_json_that_lacks_a_field(
    refused: Refused, run: Path, name: str, flags: str
) -> None:
    content = json.loads((run / "config.json").read_text())
    content["values"] = without(content["values"], name)
    (run / "config.json").write_text(json.dumps(content))
    assert f"config.json lacks {name}," in refused_unchanged(refused, run, flags)


def test_a_config_json_with_a_value_of_another_type(refused: Refused, run: Path) -> None:
    content = json.loads((run / "config.json").read_text())
    content["values"]["val_batch_size"] = "many"
    (run / "config.json").write_text(json.dumps(content))
    line = refused_unchanged(refused, run, "--mode=evaluation")
    assert "--val_batch_size=many: must be a whole number" in line


def test_checkpoints_without_a_config_json(refused: Refused, run: Path) -> None:
    (run / "config.json").unlink()
    assert "no config.json" in refused_unchanged(refused, run, "--max_iteration=8")


@pytest.mark.parametrize("flags", ["--max_iteration=8", "--restore_step=4"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("\n4,", "\nfour,"),
        lambda text: text.replace("\n4,", "\n,"),
        lambda text: text.replace("\n4,", "\n4,4,"),
        lambda text: text[: text.index("\n4,") + 10],  # though there is a checkpoint of step 4
        lambda text: text.replace("step,", "stop,"),
        lambda text: "\0\0",
        lambda text: "",
    ],
    ids=["word", "no step", "cell too many", "cut", "no column of steps", "binary", "empty"],
)
def test_a_damaged_metrics_csv(
    refused: Refused, run: Path, damage: Callable[[str], str], flags: str
) -> None:
    file = run / "metrics.csv"
    text = file.read_text()
    assert text.splitlines()[2].startswith("4,")
    file.write_text(damage(text))
    assert f"{file} is damaged" in refused_unchanged(refused, run, flags)


@pytest.mark.parametrize("name", ["result.json", "progress.json"])
@pytest.mark.parametrize("content", ["{}", "[]", '{"steps": "six", "seconds": "ten"}', "{"])
def test_a_damaged_record(refused: Refused, run: Path, name: str, content: str) -> None:
    (run / name).write_text(content)
    assert str(run / name) in refused_unchanged(refused, run, "--max_iteration=8")
