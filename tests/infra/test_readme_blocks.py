"""Command blocks of infra/README.md, as far as they go without cloud, registry and cluster."""

import base64
import json
import re
import shlex
import shutil
import subprocess

import pytest

from tests.conftest import ROOT
from tests.infra.files import INFRA, KUBERNETES, OVERLAYS, built, load

TEXT = (INFRA / "README.md").read_text()
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()
]


def lines(start):
    found = [line for line in LINES if line.startswith(start)]
    assert found
    return found


def test_compose_commands_name_its_file_and_its_profiles():
    tree = load(INFRA / "compose.yaml")
    profiles = {p for s in tree["services"].values() for p in s.get("profiles", [])}
    for line in lines("docker compose "):
        words = shlex.split(line)
        assert words[2:6] == ["-p", "stemdist", "-f", "infra/compose.yaml"]
        if "--profile" in words:
            assert words[words.index("--profile") + 1] in profiles
    named = re.findall(r"http://127\.0\.0\.1:(\d+)", TEXT)
    published = [p for s in tree["services"].values() for p in s.get("ports", [])]
    assert {f"127.0.0.1:{port}:{port}" for port in named} == set(published)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_secrets_are_what_kubectl_makes_of_the_commands():
    """Every `create secret` line through bash and kubectl, which needs no cluster for it."""
    made = {}
    for line in lines("kubectl -n stemdist create secret "):
        done = subprocess.run(
            ["bash", "-c", f"{line} --dry-run=client -o json"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        secret = json.loads(done.stdout)
        assert secret["metadata"]["namespace"] == "stemdist"
        made[secret["metadata"]["name"]] = secret["data"]
    assert set(made) == {"stemdist-ray-token", "stemdist-mlflow", "stemdist-redis"}
    values = [base64.b64decode(v) for data in made.values() for v in data.values()]
    assert all(re.fullmatch(rb"[0-9a-f]{32,64}", v) for v in values)
    assert len(set(values)) == len(values) == 6


def test_what_is_applied_can_be_built():
    for line in lines("kubectl apply "):
        _, _, flag, path = shlex.split(line)
        assert (ROOT / path).exists()
        if flag == "-k":
            assert len(built(ROOT / path)) > 10
    for overlay in OVERLAYS:
        assert f"`{overlay}`" in TEXT or f"overlays/{overlay}" in TEXT
    for folder in (KUBERNETES / "components").iterdir():
        assert f"`{folder.name}`" in TEXT


def test_services_that_are_forwarded_to_exist():
    """KubeRay calls the head's service after the cluster; MLflow's is ours."""
    cluster = load(KUBERNETES / "cluster" / "raycluster.yaml")["metadata"]["name"]
    forwarded = re.findall(r"port-forward service/(\S+) (\d+)", TEXT)
    assert set(forwarded) == {(f"{cluster}-head-svc", "8265"), ("mlflow", "5000")}


def test_the_token_is_handed_over(tmp_path):
    """The line after port-forward, with a kubectl that answers as a cluster would."""
    (line,) = lines("export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=")
    answer = base64.b64encode(b"the token").decode()
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\nprintf %s {answer}\n')
    kubectl.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", f'{line}; echo "$RAY_AUTH_MODE $RAY_AUTH_TOKEN"'],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "token the token\n"
    asked = (tmp_path / "asked").read_text()
    assert "get secret stemdist-ray-token" in asked
    assert "{.data.auth_token}" in asked


def test_every_block_that_talks_to_ray_has_the_token():
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
        if "ray job submit" in block:
            first = block[: block.index("ray job submit")]
            assert "RAY_AUTH_MODE=token" in first or ". infra/secrets/env" in first
