"""Compose: its schema, limits, rights, names that belong together, secrets that are made."""

import json
import os
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import ROOT
from tests.infra.files import INFRA, load

RAY = ("head", "worker")
OPTIONAL = {"prometheus", "grafana"}


def tree():
    return load(INFRA / "compose.yaml")


def services():
    return tree()["services"]


def validator():
    schema = json.loads((Path(__file__).parent / "compose_spec.json").read_text())
    return jsonschema.Draft7Validator(schema)


def in_bytes(text):
    number, unit = re.fullmatch(r"(\d+)(mb?|gb?)", text).groups()
    return int(number) * 1024 ** {"m": 2, "g": 3}[unit[0]]


def test_compose_keeps_to_its_schema():
    assert list(validator().iter_errors(tree())) == []


@pytest.mark.parametrize("typo", ["imagine", "read_onyl", "cap_dropp", "shmsize"])
def test_a_typo_is_caught(typo):
    broken = tree()
    broken["services"]["head"][typo] = "x"
    assert [e.validator for e in validator().iter_errors(broken)] == ["additionalProperties"]


def test_only_the_loopback_address_is_published():
    ports = [p for s in services().values() for p in s.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:3000:3000", "127.0.0.1:5000:5000", "127.0.0.1:8265:8265"]
    assert tree()["networks"]["internal"] == {"internal": True}
    for name in ("postgres", "worker", "prometheus"):
        assert services()[name]["networks"] == ["internal"]


def test_names_are_declared():
    whole = tree()
    named = set()
    for service in whole["services"].values():
        named |= set(service.get("secrets", []))
        assert set(service.get("networks", [])) <= set(whole["networks"])
        assert set(service.get("depends_on", [])) <= set(whole["services"])
        for volume in service.get("volumes", []):
            if isinstance(volume, dict):
                continue  # anonymous, of the container's own
            source = volume.split(":")[0]
            declared = (INFRA / source).exists() if source.startswith(".") else source
            assert declared is True or source in whole["volumes"], volume
        for value in service.get("environment", {}).values():
            if str(value).startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert named == set(whole["secrets"])
    made = (INFRA / "make-secrets.sh").read_text()
    for name, secret in whole["secrets"].items():
        assert Path(secret["file"]).name == name
        assert f" {name}" in made


@pytest.mark.parametrize("name", sorted(services()))
def test_containers_are_locked_and_limited(name):
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service
    assert "privileged" not in service
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert in_bytes(limits["memory"]) >= in_bytes("256mb")
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("name", RAY)
def test_rays_store_fits_shared_memory_and_that_fits_the_limit(name):
    service = services()[name]
    options = dict(c.lstrip("-").split("=") for c in service["command"] if "=" in c)
    store, shared = int(options["object-store-memory"]), in_bytes(service["shm_size"])
    memory = in_bytes(service["deploy"]["resources"]["limits"]["memory"])
    # Ray warns and goes to the disk where the store is larger than what is left of /dev/shm.
    assert store < 0.95 * shared
    assert shared <= memory / 2
    # No more CPUs than the container gets.
    assert int(options["num-cpus"]) <= float(service["deploy"]["resources"]["limits"]["cpus"])
    # Sessions and spilled objects: on disk, with the permissions of the image's /tmp.
    assert {"type": "volume", "target": "/tmp"} in service["volumes"]


def test_jobs_have_a_user_of_their_own():
    for name in RAY:
        environment = services()[name]["environment"]
        assert environment["MLFLOW_TRACKING_USERNAME"] == "jobs"
        assert "${MLFLOW_JOBS_PASSWORD:?" in environment["MLFLOW_TRACKING_PASSWORD"]
        assert services()[name]["secrets"] == ["ray_token"]
        # Artifacts go through MLflow, which asks who wants them.
        assert not any("artifacts" in str(v) for v in services()[name]["volumes"])
    assert "admin" not in json.dumps([services()[name] for name in RAY])


def test_images_are_pinned_and_none_is_withdrawn():
    images = {name: s["image"] for name, s in services().items()}
    for image in images.values():
        assert re.search(r":v?\d+\.\d+", image), image
    assert not any("minio" in image for image in images.values())
    assert {name for name, s in services().items() if s.get("profiles")} == OPTIONAL


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
    assert len({path.read_text() for path in folder.iterdir()}) == len(list(folder.iterdir()))
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "env").stat().st_mode & 0o077 == 0
    assert "infra/secrets/" in (ROOT / ".gitignore").read_text()
    sourced = subprocess.run(
        ["sh", "-c", f". {folder}/env && env"], env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = dict(line.split("=", 1) for line in sourced.stdout.splitlines())
    assert (found["RAY_AUTH_MODE"], found["RAY_AUTH_TOKEN"]) == ("token", token)
    assert found["MLFLOW_TRACKING_USERNAME"] == "jobs"
    jobs = (folder / "mlflow_jobs_password").read_text()
    assert found["MLFLOW_TRACKING_PASSWORD"] == found["MLFLOW_JOBS_PASSWORD"] == jobs
    # What Compose wants from the shell is what the file exports; the admin's is not in it.
    wanted = set(re.findall(r"\$\{(\w+):\?", (INFRA / "compose.yaml").read_text()))
    assert wanted <= set(found)
    assert (folder / "mlflow_admin_password").read_text() not in sourced.stdout
