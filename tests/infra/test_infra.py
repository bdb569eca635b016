"""Every deployment file against its schema, and all of them against the project's own versions."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from stemdist_ray import __version__
from tests.conftest import ROOT
from tests.infra.kuberay import RayCluster, RayJob

INFRA = ROOT / "infra"
KUBERNETES = INFRA / "kubernetes"
PINS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
)


def load(path):
    return yaml.safe_load(path.read_text())


def services():
    return load(INFRA / "compose.yaml")["services"]


def test_compose_keeps_to_its_schema():
    schema = json.loads((Path(__file__).parent / "compose_spec.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert list(validator.iter_errors(load(INFRA / "compose.yaml"))) == []
    assert list(validator.iter_errors({"services": {"x": {"imagine": "y"}}})) != []


def test_compose_publishes_on_the_loopback_address_only():
    ports = [p for s in services().values() for p in s.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:5000:5000", "127.0.0.1:8265:8265"]
    assert load(INFRA / "compose.yaml")["networks"]["internal"] == {"internal": True}
    for name in ("postgres", "store", "worker"):
        assert services()[name]["networks"] == ["internal"]


def test_compose_names_what_it_declares():
    tree = load(INFRA / "compose.yaml")
    for service in tree["services"].values():
        assert set(service.get("secrets", [])) <= set(tree["secrets"])
        assert set(service.get("networks", [])) <= set(tree["networks"])
        assert set(service.get("depends_on", [])) <= set(tree["services"])
    made = (INFRA / "make-secrets.sh").read_text()
    for secret in tree["secrets"].values():
        assert Path(secret["file"]).name in made


@pytest.mark.parametrize("name", ["base.yaml", "mlflow.yaml"])
def test_core_kinds_are_valid_kubernetes(name):
    done = subprocess.run(
        [str(Path(sys.executable).parent / "kubernetes-validate"), "--strict", KUBERNETES / name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def pods():
    """Every pod template of the KubeRay manifests, as a Kubernetes Pod."""
    cluster = load(KUBERNETES / "raycluster.yaml")["spec"]
    job = load(KUBERNETES / "rayjob.yaml")["spec"]["rayClusterSpec"]
    for spec in (cluster, job):
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "x"},
                **group["template"],
            }


def test_ray_manifests_keep_to_the_fields_of_kuberay():
    cluster = RayCluster.model_validate(load(KUBERNETES / "raycluster.yaml"))
    job = RayJob.model_validate(load(KUBERNETES / "rayjob.yaml"))
    for spec in (cluster.spec, job.spec.rayClusterSpec):
        assert spec.rayVersion == PINS["ray"]
        assert spec.authOptions.mode == "token"
        assert all(g.minReplicas <= g.replicas <= g.maxReplicas for g in spec.workerGroupSpecs)
    script = job.spec.entrypoint.split()[1]
    assert (ROOT / script.removeprefix("/opt/stemdist/")).exists()
    broken = load(KUBERNETES / "raycluster.yaml")
    broken["spec"]["workerGroupSpecs"][0]["maxReplica"] = 3
    with pytest.raises(ValidationError, match="maxReplica"):
        RayCluster.model_validate(broken)


def test_pods_of_ray_are_valid_and_locked_down():
    import kubernetes_validate

    kinds = list(pods())
    assert len(kinds) == 6
    for pod in kinds:
        kubernetes_validate.validate(pod, "1.31", strict=True)
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_nothing_is_exposed_by_a_service():
    for path in KUBERNETES.glob("*.yaml"):
        for tree in yaml.safe_load_all(path.read_text()):
            if tree["kind"] == "Service":
                assert tree["spec"].get("type", "ClusterIP") == "ClusterIP"
    kinds = [t["kind"] for t in yaml.safe_load_all((KUBERNETES / "base.yaml").read_text())]
    assert kinds.count("NetworkPolicy") == 3


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_launcher_files_pass_rays_own_validator(cloud):
    from ray.autoscaler._private.util import prepare_config, validate_config

    tree = load(INFRA / f"ray-{cloud}.yaml")
    validate_config(prepare_config(tree))
    starts = [*tree["head_start_ray_commands"], *tree["worker_start_ray_commands"]]
    for command in (c for c in starts if "ray start" in c):
        assert "RAY_AUTH_MODE=token" in command
    assert "--dashboard-host=127.0.0.1" in " ".join(starts)
    spot = {"aws": "MarketType", "gcp": "preemptible"}[cloud]
    for name in ("cpu_worker", "gpu_worker"):
        assert spot in json.dumps(tree["available_node_types"][name]["node_config"])
    with pytest.raises(jsonschema.ValidationError):
        validate_config(prepare_config({**tree, "max_worker": 3}))


def test_images_have_the_projects_version():
    text = "\n".join(p.read_text() for p in INFRA.rglob("*") if p.is_file() and p.suffix != ".json")
    assert set(re.findall(r"stemdist-ray:([\d.]+)-", text)) == {__version__}
    own = re.findall(r"image: (stemdist-ray:\S+)", text)
    assert {i.rsplit("-", 1)[1] for i in own} == {"cpu", "cuda"}


def test_dockerfile_has_both_targets_and_is_not_root():
    text = (INFRA / "Dockerfile").read_text()
    for target in ("cpu", "cuda"):
        stage = text[text.index(f"AS {target}") :]
        stage = stage[: stage.find("\nFROM ")] if "\nFROM " in stage else stage
        assert "-c constraints.txt" in stage
        assert "USER stemdist" in stage
    for line in text.splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
    for line in ("infra/secrets", ".venv"):
        assert line in (INFRA / "Dockerfile.dockerignore").read_text()


def test_readme_names_every_file_and_its_commands_exist():
    text = (INFRA / "README.md").read_text()
    for path in INFRA.rglob("*"):
        if path.is_file() and path.suffix in (".yaml", ".sh") and "secrets" not in path.parts:
            assert path.name in text, path
    for name in re.findall(r"(?:infra|jobs|tuning)/[\w./-]+\.(?:yaml|sh|py)", text):
        assert (ROOT / name).exists(), name


def test_secrets_are_made_once_and_kept(tmp_path):
    script = tmp_path / "make-secrets.sh"
    script.write_text((INFRA / "make-secrets.sh").read_text())
    script.chmod(0o755)
    for _ in range(2):
        done = subprocess.run([script], capture_output=True, text=True, check=True)
        assert "infra/secrets/env" in done.stdout
    folder = tmp_path / "secrets"
    token = (folder / "ray_token").read_text()
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert f"RAY_AUTH_TOKEN={token}" in (folder / "env").read_text()
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "env").stat().st_mode & 0o077 == 0
    assert "infra/secrets/" in (ROOT / ".gitignore").read_text()
