"""TF_CONFIG and Slurm: who the workers are, and one line when they do not say it."""

import json
import re
import socket
from pathlib import Path

import pytest

from ieg.errors import InputError
from ieg.main import main
from ieg.training import cluster

TWO = {"worker": ["a:1", "b:2"]}
FIRST = {"type": "worker", "index": 0}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_CONFIG", "SLURM_PROCID", "SLURMD_NODENAME"):
        monkeypatch.delenv(name, raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **content: object) -> cluster.Cluster:
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))
    return cluster.read()


def test_the_chief_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with_chief = {"worker": ["a:1", "b:2"], "chief": ["c:3"]}
    task = {"type": "worker", "index": "1", "trial": "of Vertex"}
    found = read(monkeypatch, cluster=with_chief, task=task, environment="cloud")
    assert found[:2] == (("c:3", "a:1", "b:2"), 2)
    found = read(monkeypatch, cluster=with_chief, task={"type": "chief", "index": 0})
    assert found.place == 0
    assert read(monkeypatch, cluster=TWO, task={"type": "worker", "index": 1}).place == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "must be a JSON object"),
        ({"task": FIRST}, "'cluster' must list the addresses"),
        ({"cluster": {"worker": []}, "task": FIRST}, "list the addresses of each 'worker'"),
        ({"cluster": {"worker": ["here"]}, "task": FIRST}, "'here' is not of the form HOST:PORT"),
        ({"cluster": {"worker": ["a:99999"]}, "task": FIRST}, "'a:99999' is not of the form"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": FIRST}, "have the same address"),
        ({"cluster": {"chief": ["a:1", "b:1"]}, "task": FIRST}, "one 'chief' at most"),
        ({"cluster": {**TWO, "ps": ["c:1"]}, "task": FIRST}, "'cluster' has 'ps'"),
        ({"cluster": TWO}, "'task' must have a 'type' (worker) and an 'index'"),
        ({"cluster": TWO, "task": {"type": "chief", "index": 0}}, "a 'type' (worker)"),
        ({"cluster": TWO, "task": {"type": ["worker"], "index": 0}}, "a 'type' (worker)"),
        ({"cluster": TWO, "task": {"type": "worker", "index": 2}}, "worker 2, but 'cluster' has 2"),
        ({"cluster": TWO, "task": {"type": "worker"}}, "worker None, but 'cluster' has 2"),
    ],
)
def test_what_tf_config_lacks(monkeypatch: pytest.MonkeyPatch, content: object, said: str) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))
    with pytest.raises(InputError, match="^TF_CONFIG: .*HOST:PORT") as refused:
        cluster.read()
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("worker 0", "error: TF_CONFIG is no JSON (Expecting value"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {}}', "'task' must have a 'type'"),
        ("taken", "cannot listen at 127.0.0.1:"),
    ],
)
def test_a_command_with_such_a_tf_config_writes_nothing(
    text: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        if text == "taken":
            text = json.dumps({"cluster": {"worker": [address, "127.0.0.1:1"]}, "task": FIRST})
        if text is not None:
            monkeypatch.setenv("TF_CONFIG", text)
        flags = ("--distribution_strategy=multi_worker_mirrored", f"--checkpoint_path={tmp_path}")
        assert main(["ieg", "--dataset=digits", *flags]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())


def test_other_modes_are_for_one_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    flags = ("--distribution_strategy=multi_worker_mirrored", "--mode=show_data")
    assert main(["ieg", "--dataset=digits", f"--checkpoint_path={tmp_path}", *flags]) == 2
    assert "--mode=show_data needs one process alone" in capfd.readouterr().err


def test_the_example_of_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs/devices.md").read_text()
    texts = re.findall(r"^TF_CONFIG='(.*)'", page, re.MULTILINE)
    assert len(texts) == 2
    for place, text in enumerate(texts):
        monkeypatch.setenv("TF_CONFIG", text)
        found = cluster.read()
        assert (found.place, len(found.addresses)) == (place, 2)


def slurm(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    step = {
        "SLURM_JOB_ID": "70002",
        "SLURM_PROCID": "2",
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NODELIST": "node[1-2]",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
        "SLURMD_NODENAME": "node2",
    }
    for name, value in {**step, **values}.items():
        monkeypatch.setenv(name, value)


def test_the_tasks_of_a_slurm_step(monkeypatch: pytest.MonkeyPatch) -> None:
    slurm(monkeypatch)
    found = cluster.read()
    assert found.addresses == ("node1:10032", "node1:10033", "node2:10032", "node2:10033")
    assert found.place == 2
    assert json.loads(found.tf_config)["task"] == {"type": "worker", "index": 2}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": FIRST}))
    assert cluster.read().addresses == ("a:1", "b:2"), "TF_CONFIG holds"


def test_slurm_steps_that_the_resolver_takes_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    slurm(monkeypatch, SLURM_STEP_NODELIST="node[2,10]")  # task 2 is on node10; by name on node2
    monkeypatch.setenv("SLURMD_NODENAME", "node10")
    with pytest.raises(InputError, match="task 2 of the Slurm step to be on node2.* on node10"):
        cluster.read()
    for wrong in ({"SLURM_STEP_TASKS_PER_NODE": "2(x"}, {"SLURM_JOB_ID": "job"}):
        slurm(monkeypatch, **wrong)
        with pytest.raises(InputError, match="Slurm step cannot be understood"):
            cluster.read()
