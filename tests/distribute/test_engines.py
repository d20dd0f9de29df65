"""Manifests for Kubernetes: the place of each worker, flags, and fields by schema; embedding."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ieg.features.parts import parse_part
from ieg.training import cluster
from tests.distribute.pairs import ROOT
from tests.test_scripts import resolved

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


def manifests(name: str) -> dict[str, Any]:
    """Kind → content of each manifest of a file."""
    text = (ROOT / "scripts/cluster" / name).read_text()
    return {found["kind"]: found for found in yaml.safe_load_all(text)}


def pod_templates() -> dict[str, dict[str, Any]]:
    tfjob = manifests("tfjob.yaml")["TFJob"]
    return {
        "job": manifests("job.yaml")["Job"]["spec"]["template"],
        "tfjob": tfjob["spec"]["tfReplicaSpecs"]["Worker"]["template"],
    }


def test_each_index_of_the_job_gets_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    service, job = manifests("job.yaml").values()
    name, spec = job["metadata"]["name"], job["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    index, config = container["env"]
    annotation = "batch.kubernetes.io/job-completion-index"
    assert index["valueFrom"]["fieldRef"]["fieldPath"] == f"metadata.annotations['{annotation}']"
    assert spec["completions"] == spec["parallelism"]
    (port,) = container["ports"]
    # Kubernetes calls the pods of an indexed Job NAME-INDEX, and a service makes that a host.
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    hosts = [f"{name}-{place}.{pod['subdomain']}" for place in range(spec["completions"])]
    for place in range(spec["completions"]):
        reference = f"$({index['name']})"
        monkeypatch.setenv(config["name"], config["value"].replace(reference, str(place)))
        found = cluster.read()
        assert found.addresses == tuple(f"{host}:{port['containerPort']}" for host in hosts)
        assert found.place == place


@pytest.mark.parametrize("name", ["job", "tfjob"])
def test_the_flags_are_those_of_several_workers(name: str) -> None:
    pod = pod_templates()[name]["spec"]
    (container,), (volume,) = pod["containers"], pod["volumes"]
    assert container["command"] == ["python", "-m", "ieg.main"]
    settings = resolved(container["args"])
    assert settings["distribution_strategy"] == "multi_worker_mirrored"
    (mount,) = container["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert Path(str(settings["checkpoint_path"])).is_relative_to(mount["mountPath"])


def test_the_job_has_fields_of_kubernetes_only() -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    metadata = {"name": "of-the-tfjob"}
    kinds = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": metadata}
    of_tfjob = {**kinds, "template": pod_templates()["tfjob"]}
    for version in ("1.31", schemas.latest_version()):
        for manifest in (*manifests("job.yaml").values(), of_tfjob):
            schemas.validate(manifest, version, strict=True)
    misspelt = copy.deepcopy(manifests("job.yaml")["Job"])
    misspelt["spec"]["completion"] = misspelt["spec"].pop("completions")
    with pytest.raises(schemas.ValidationError, match="'completion' was unexpected"):
        schemas.validate(misspelt, "1.31", strict=True)


def test_the_tfjob_has_fields_of_kubeflow_only() -> None:
    """Its models leave out what they do not know."""
    training = pytest.importorskip("kubeflow.training")
    tfjob = manifests("tfjob.yaml")["TFJob"]
    client = training.ApiClient()
    read = client.deserialize(SimpleNamespace(data=json.dumps(tfjob)), training.KubeflowOrgV1TFJob)
    assert client.sanitize_for_serialization(read) == tfjob
    assert list(read.spec.tf_replica_specs) == ["Worker"]
    (container,) = read.spec.tf_replica_specs["Worker"].template.spec.containers
    assert container.name == training.constants.TFJOB_CONTAINER


def test_the_pool_of_the_page_embeds_each_part_once(tmp_path: Path) -> None:
    page = (ROOT / "docs/devices.md").read_text()
    (command,) = re.findall(r"^seq .*", page, re.MULTILINE)
    python = tmp_path / "python"
    note = "os.write(1, ' '.join(sys.argv[1:]).encode() + b'\\n')"  # at once, beside the others
    python.write_text(f"#!{sys.executable}\nimport os, sys\n{note}\n")
    python.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    printed = subprocess.check_output(
        ["bash", "-c", command], env={**os.environ, "PATH": path}, text=True
    )
    settings = []
    for line in printed.splitlines():
        _, module, *flags = line.split()
        assert module == "ieg.main"
        settings.append(resolved(flags))
    assert {found["mode"] for found in settings} == {"embed"}
    parts = sorted(parse_part(str(found["shard"])) for found in settings)
    assert parts == [(part, len(parts)) for part in range(1, len(parts) + 1)]


def test_the_page_names_scripts_that_are_there() -> None:
    page = (ROOT / "docs/devices.md").read_text()
    named = set(re.findall(r"scripts/[\w./]+\.(?:py|sh|yaml)", page))
    assert {f"scripts/cluster/{path.name}" for path in (ROOT / "scripts/cluster").iterdir()} < named
    assert all((ROOT / name).exists() for name in named)
