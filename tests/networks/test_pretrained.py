"""Starting from another run's weights, and training the classifier alone."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.errors import InputError
from ieg.main import main
from ieg.networks import pretrained
from ieg.training.ledger import Ledger
from ieg.training.state import TrainState

SHAPE = (8, 8, 1)


def saved(folder: Path, *, use_ema: bool, name: str = "cnn", classes: int = 10) -> list[np.ndarray]:
    """Writes a checkpoint, averages being the weights plus one; returns what `load` must give."""
    model = networks.create(name, SHAPE, classes, seed=7)
    state = TrainState(model, {}, Ledger(1, ["loss"]), use_ema=use_ema, accumulate=False)
    for average in state.average:
        average.assign_add(tf.ones_like(average))
    state.checkpoint().save(str(folder / "checkpoints" / "step"))
    trainable = {id(v) for v in model.trainable_variables}
    return [v.numpy() + (use_ema and id(v) in trainable) for v in model.variables]


@pytest.mark.parametrize("use_ema", [True, False])
def test_averaged_weights_are_preferred(tmp_path: Path, use_ema: bool) -> None:
    expected = saved(tmp_path, use_ema=use_ema)
    model = networks.create("cnn", SHAPE, 10, seed=1)
    assert pretrained.load(model, str(tmp_path))
    for variable, value in zip(model.variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-6)


def test_a_checkpoint_can_be_named(tmp_path: Path) -> None:
    saved(tmp_path, use_ema=True)
    model = networks.create("cnn", SHAPE, 10, seed=1)
    assert pretrained.load(model, str(tmp_path / "checkpoints" / "step-1"))


def test_other_classes_keep_the_classifier(tmp_path: Path) -> None:
    expected = saved(tmp_path, use_ema=False)
    model = networks.create("cnn", SHAPE, 4, seed=1)
    kernel = model.trainable_variables[-2].numpy()
    assert not pretrained.load(model, str(tmp_path))
    np.testing.assert_array_equal(model.trainable_variables[-2].numpy(), kernel)
    np.testing.assert_array_equal(model.variables[0].numpy(), expected[0])


def test_another_network_is_refused_and_nothing_set(tmp_path: Path) -> None:
    saved(tmp_path, use_ema=True, name="resnet32")
    model = networks.create("cnn", SHAPE, 10, seed=1)
    before = [v.numpy() for v in model.variables]
    with pytest.raises(InputError, match="weights of another network than 'cnn'"):
        pretrained.load(model, str(tmp_path))
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_no_checkpoint_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--dataset=digits", "--method=supervised", f"--checkpoint_path={tmp_path / 'runs'}"]
    assert main(["ieg", *flags, f"--pretrained_ckpt={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --pretrained_ckpt=") and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


COMMON = ("ieg", "--dataset=digits_uniform_0.4", "--max_iteration=4", "--batch_size=20")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run to start from."""
    folder = tmp_path_factory.mktemp("first")
    flags = ["--method=supervised", f"--checkpoint_path={folder}", "--seed=1"]
    assert main([*COMMON, *flags]) == 0
    return folder / "digits_uniform_0.4/cnn/supervised/seed1"


@pytest.mark.parametrize("method", ["supervised", "l2r"])
def test_only_the_classifier_trains(tmp_path: Path, trained: Path, method: str) -> None:
    flags = [f"--method={method}", f"--checkpoint_path={tmp_path}", "--seed=2"]
    flags += [f"--pretrained_ckpt={trained}", "--fix_network_features", "--nouse_ema"]
    assert main([*COMMON, *flags]) == 0

    models = [networks.create("cnn", SHAPE, 10, seed=s) for s in (3, 4)]
    pretrained.load(models[0], str(trained))
    pretrained.load(models[1], f"{tmp_path}/digits_uniform_0.4/cnn/{method}/seed2")
    head = {id(v) for v in models[0].layers[-1].variables}
    for before, after in zip(models[0].variables, models[1].variables, strict=True):
        same = np.array_equal(before.numpy(), after.numpy())
        assert same != (id(before) in head), before.path
