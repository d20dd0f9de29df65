"""L2R in PyTorch beside ieg's: the same networks, weights of examples and gradients; its table."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import benchmarks
from benchmarks import meta_gradient
from benchmarks.steps import image_shape
from ieg import networks
from ieg.data.pipeline import Batch, Probe
from ieg.methods import REGISTRY
from tests import contexts
from tests.markdown import body

B, K = 24, 10
#: Those of biases, of classifiers and of convolutions, in PyTorch's order.
AXES = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}


@pytest.fixture
def torch() -> ModuleType:
    module = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("higher", reason="higher is not installed")
    return module


def keras_model(name: str) -> keras.Model:
    """With weights of which no two are equal, batch norm's too."""
    model = networks.create(name, image_shape(name), K)
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if len(variable.shape) == 1:
            variable.assign_add(rng.normal(0, 0.2, variable.shape))
    return model


def in_torch(array: Any) -> np.ndarray:
    """A weight or its gradient as PyTorch's layers have it."""
    array = np.asarray(array)
    return np.ascontiguousarray(array.transpose(AXES[array.ndim]))


def counterpart(torch: ModuleType, model: keras.Model) -> Any:
    """The network of that name in PyTorch with the same weights."""
    from benchmarks import torch_networks

    network = torch_networks.create(model.name, model.input_shape[-1], K)
    ours, theirs = model.trainable_variables, list(network.parameters())
    assert sum(p.numel() for p in theirs) == model.count_params() - sum(
        int(np.prod(v.shape)) for v in model.non_trainable_variables
    )
    with torch.no_grad():
        for parameter, variable in zip(theirs, ours, strict=True):
            values = torch.from_numpy(in_torch(variable))
            assert parameter.shape == values.shape
            parameter.copy_(values)
    return network


def batch(name: str, size: int) -> Batch:
    rng = np.random.default_rng(0)

    def images() -> tf.Tensor:
        return tf.constant(rng.uniform(-1, 1, (size, *image_shape(name))), tf.float32)

    def labels() -> tf.Tensor:
        return tf.constant(rng.integers(0, K, size), tf.int32)

    label = labels()
    return Batch(tf.range(size), images(), label, label, Probe(images(), labels()))


def image_in_torch(torch: ModuleType, image: tf.Tensor) -> Any:
    return torch.from_numpy(np.ascontiguousarray(image.numpy().transpose(0, 3, 1, 2)))


@pytest.mark.parametrize("name", ["cnn", "resnet29", "resnet32", "wrn28-10"])
def test_networks_are_the_same(torch: ModuleType, name: str) -> None:
    model = keras_model(name)
    image = batch(name, 3).image
    with torch.no_grad():
        theirs = counterpart(torch, model)(image_in_torch(torch, image)).numpy()
    ours = model(image, training=True).numpy()
    assert theirs.shape == (3, K)
    np.testing.assert_allclose(theirs, ours, atol=2e-4 * np.abs(ours).max())


@pytest.mark.parametrize(
    ("row", "method_name"), [("plain", "supervised"), ("with_higher", "l2r"), ("by_hand", "l2r")]
)
def test_steps_are_the_same(torch: ModuleType, row: str, method_name: str) -> None:
    from benchmarks import torch_peer

    model, data = keras_model("cnn"), batch("cnn", B)
    method_class = REGISTRY.get(method_name)
    method = method_class(method_class.Options(), contexts.context(model, data.label, K))
    late = 100  # behind L2R's warm-up
    state = contexts.start(model, late, variables=method.init_state())
    ours = method.step(data, state, method.variant(late))

    problem = torch_peer.Problem(
        counterpart(torch, model),
        image_in_torch(torch, data.image),
        torch.from_numpy(data.label.numpy()).long(),
        image_in_torch(torch, data.probe.image),
        torch.from_numpy(data.probe.label.numpy()).long(),
    )
    weights, gradients = getattr(torch_peer, row)(problem)
    expected = ours.per_example.get("weight", np.full(B, 1 / B))
    if method_name == "l2r":
        assert 3 < np.count_nonzero(expected) < B
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-3, atol=1e-5)
    for theirs, gradient in zip(gradients, ours.gradients, strict=True):
        np.testing.assert_allclose(theirs.numpy(), in_torch(gradient), rtol=2e-3, atol=1e-5)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps are not run but say how long they take; the number of each turn's is kept."""
    turns = []

    def interleaved(steps: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
        turns.append(len(steps))
        return [step() for step in steps]

    monkeypatch.setattr(meta_gradient, "interleaved", interleaved)
    monkeypatch.setattr(meta_gradient, "alone", lambda module, *flags: [2**20 * len(flags), None])
    monkeypatch.setattr(
        meta_gradient, "ROWS", {"plain": takes(0.1), "forward": takes(0.25), "nested": takes(0.32)}
    )
    return turns


def takes(seconds: float) -> Callable[[str, int], Callable[[], Any]]:
    return lambda network, batch_size: lambda: seconds


def test_each_library_has_its_own_plain_step(
    timed: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps, nets = ModuleType("benchmarks.torch_peer"), ModuleType("benchmarks.torch_networks")
    steps.ROWS = {"plain": takes(0.2), "L2R, higher": takes(1.1)}  # type: ignore[attr-defined]
    nets.require = lambda name: None  # type: ignore[attr-defined]
    for module in (steps, nets):
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(benchmarks, module.__name__.split(".")[1], module, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: steps)
    assert meta_gradient.main(["--network=cnn", "--batch=4", "--peer=torch"]) == 0
    assert timed == [3, 2]  # the peer after ours, none of the steps of one between the other's
    assert body(capsys.readouterr().out) == [
        ["plain", "100.0", "1.00", "3", ""],
        ["forward", "250.0", "2.50", "3", ""],
        ["nested", "320.0", "3.20", "3", ""],
        ["plain", "200.0", "1.00", "4", ""],
        ["L2R, higher", "1100.0", "5.50", "4", ""],
    ]
    assert meta_gradient.main(["--network=cnn", "--batch=4"]) == 0
    assert timed == [3, 2, 3]


@pytest.mark.parametrize(
    ("installed", "missing"),
    [((), "torch and higher"), (("torch",), "higher"), (("higher",), "torch")],
)
def test_without_torch_a_line_says_how_to_get_it(
    timed: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    installed: Sequence[str],
    missing: str,
) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: object() if name in installed else None
    )
    assert meta_gradient.main(["--peer=torch"]) == 2
    line = f"error: --peer=torch needs {missing}, not installed: pip install -e '.[peer]'\n"
    assert capsys.readouterr() == ("", line)
    assert timed == []


def test_a_network_without_counterpart_is_one_line(
    torch: ModuleType, timed: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--network=cnn", "--network=resnet50", "--peer=torch"]
    assert meta_gradient.main(flags) == 2
    known = "cnn, resnet29, resnet32, wrn28-10"
    line = f"error: no PyTorch counterpart of resnet50; there are {known}\n"
    assert capsys.readouterr() == ("", line)
    assert timed == []


def test_the_steps_run(torch: ModuleType) -> None:
    from benchmarks import torch_peer

    for row in torch_peer.ROWS.values():
        row("cnn", 2)()
