"""`on_metrics`: what it is told, errors in it, and the recipes of docs/tracking.md.

The recipes run with the real packages where these are installed, else with stubs of their calls.
"""

import importlib.util
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ieg
from ieg.main import main
from tests import runs
from tests.distribute.pairs import Pair

PAGE = (Path(__file__).parents[1] / "docs/tracking.md").read_text()
RECIPES = dict(re.findall(r"```python\n# my_(\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
SMALL = ("--method=supervised", "--eval_freq=2", "--batch_size=20", "--train_eval_size=50")
LOG = """
import json, os

def on_metrics(step, metrics):
    with open({log!r}, "a") as file:
        file.write(json.dumps([os.getpid(), step, metrics]) + "\\n")
"""


def write(folder: Path, text: str, name: str = "own.py") -> str:
    """The flag that takes a file."""
    (folder / name).write_text(text)
    return f"--own_code={folder / name}"


def told(log: Path) -> list[list[Any]]:
    """Process, step and metrics of each call."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_an_error_ends_the_command_with_one_line_and_the_run_goes_on_at_its_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, log = tmp_path / "runs", tmp_path / "log"
    end = "    if step == 4:\n        raise KeyError('gone')\n"
    flag = write(tmp_path, LOG.format(log=str(log)) + end)
    words = [*SMALL, "--max_iteration=6", f"--checkpoint_path={root}"]
    assert main(["ieg", *words, flag]) == 2
    assert capsys.readouterr().err == (
        f"error: {flag}: on_metrics at step 4: KeyError in line 8: 'gone'\n"
    )
    assert main(["ieg", *words, write(tmp_path, LOG.format(log=str(log)), "again.py")]) == 0
    calls, rows = told(log), runs.rows(runs.only_run(root))
    assert [step for _, step, _ in calls] == [2, 4, 4, 6]
    for (_, step, metrics), row in zip([calls[0], *calls[2:]], rows, strict=True):
        assert metrics.pop("seconds") > 0
        assert step == int(row.pop("step"))
        assert metrics == {name: float(cell) for name, cell in row.items() if cell}


def test_in_python_it_needs_a_run_folder_and_its_errors_pass(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(step: int, metrics: dict[str, float]) -> None:
        assert 0 <= metrics["top1"] <= 1
        raise Enough(step)

    features = np.random.default_rng(0).normal(size=(40, 3))
    classifier = ieg.RobustClassifier("supervised", epochs=2, settings={"eval_freq": 3})
    with pytest.raises(ieg.InputError, match="^on_metrics: needs run_folder"):
        classifier.fit(features, features[:, 0] > 0, on_metrics=stop)
    classifier.set_params(run_folder=str(tmp_path))
    with pytest.raises(Enough, match="^3$"):
        classifier.fit(features, features[:, 0] > 0, on_metrics=stop)


@pytest.mark.slow
def test_of_several_workers_the_chief_is_told_and_its_error_ends_all(tmp_path: Path) -> None:
    log = tmp_path / "log"
    end = "    if step == 4:\n        raise OSError('no network')\n"
    words = [*SMALL, "--max_iteration=6", "--eval_freq=4", f"--checkpoint_path={tmp_path / 'runs'}"]
    pair = Pair(tmp_path, [*words, write(tmp_path, LOG.format(log=str(log)) + end)])
    try:
        assert pair.wait() == [2, 2]
        chief = pair.processes[0].pid
        assert [(process, step) for process, step, _ in told(log)] == [(chief, 2), (chief, 4)]
        assert all("on_metrics at step 4: OSError in line" in text for text in pair.printed())
    finally:
        pair.end()


def stub_mlflow() -> tuple[types.ModuleType, dict[int, float]]:
    module, logged, active = types.ModuleType("mlflow"), {}, []
    module.active_run = lambda: active[-1] if active else None
    module.start_run = lambda run_name: active.append(run_name)
    module.log_metrics = lambda metrics, step: logged.update({step: metrics["top1"]})
    return module, logged


def stub_wandb() -> tuple[types.ModuleType, dict[int, float]]:
    module, logged = types.ModuleType("wandb"), {}

    def init(*, project: str, id: str, resume: str) -> types.SimpleNamespace:
        log = lambda metrics, step: logged.update({step: metrics["top1"]})  # noqa: E731
        module.run = types.SimpleNamespace(log=log)
        return module.run

    module.run, module.init = None, init
    return module, logged


def stub_optuna() -> types.ModuleType:
    """Trials of which the second is pruned at its second report."""
    module = types.ModuleType("optuna")
    module.TrialPruned = type("TrialPruned", (Exception,), {})
    module.pruners = types.SimpleNamespace(MedianPruner=lambda trials: None)
    PRUNED, COMPLETE = (types.SimpleNamespace(name=name) for name in ("PRUNED", "COMPLETE"))

    class Trial(types.SimpleNamespace):
        def suggest_float(self, name: str, low: float, high: float, log: bool) -> float:
            self.params = {name: low ** (1 - self.number / 4)}
            return self.params[name]

        def report(self, value: float, step: int) -> None:
            self.intermediate_values[step] = value

        def should_prune(self) -> bool:
            return self.number == 1 and len(self.intermediate_values) == 2

    class Study(types.SimpleNamespace):
        def optimize(self, objective: Any, n_trials: int) -> None:
            for number in range(n_trials):
                trial = Trial(number=number, intermediate_values={}, state=COMPLETE)
                try:
                    trial.value = objective(trial)
                except module.TrialPruned:
                    trial.state = PRUNED
                self.trials.append(trial)
            done = [trial for trial in self.trials if trial.state is COMPLETE]
            self.best_params = max(done, key=lambda trial: trial.value).params

    module.create_study = lambda direction, pruner: Study(trials=[])
    return module


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The services keep to this test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'mlruns'}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    yield


def test_mlflow_and_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: dict[str, dict[int, float]] = {}
    for name, stub in (("mlflow", stub_mlflow), ("wandb", stub_wandb)):
        if importlib.util.find_spec(name) is None:
            module, logged[name] = stub()
            monkeypatch.setitem(sys.modules, name, module)
        write(tmp_path, RECIPES[name], f"my_{name}.py")
    files = ",".join(str(tmp_path / f"my_{name}.py") for name in ("mlflow", "wandb"))
    words = [*SMALL, "--max_iteration=4", f"--own_code={files}"]
    table = runs.rows(runs.train(tmp_path / "runs", *words))
    expected = {int(row["step"]): float(row["top1"]) for row in table}
    if "mlflow" not in logged:
        import mlflow

        run = mlflow.active_run()
        mlflow.end_run()
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "top1")
        logged["mlflow"] = {point.step: point.value for point in history}
    assert logged["mlflow"] == expected
    if "wandb" not in logged:
        import wandb

        last = wandb.run.step
        wandb.run.log({}, step=last, commit=True)  # as its end would do
        logged["wandb"] = {2: expected[2], last: wandb.run.summary["top1"]}
        wandb.finish()
    assert logged["wandb"] == expected


def test_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("optuna") is None:
        monkeypatch.setitem(sys.modules, "optuna", stub_optuna())
    names: dict[str, Any] = {}
    exec(RECIPES["optuna"].replace("n_trials=4", "n_trials=2"), names)
    study = names["study"]
    assert len(study.trials) == 2
    for trial in study.trials:
        steps = [20, 40, 48]  # 16 steps in each of three epochs
        pruned = trial.state.name == "PRUNED"
        assert pruned or list(trial.intermediate_values) == steps
        assert pruned or trial.value == trial.intermediate_values[steps[-1]]
    assert 0.001 <= study.best_params["learning_rate"] <= 1
