"""Files of Ray's cluster launcher: Ray's checks, the clouds' models, their commands for real."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import ROOT
from tests.infra.files import INFRA, load

CLOUDS = ("aws", "gcp")
SPOT = {"aws": "MarketType", "gcp": "preemptible"}
PLACEHOLDER = re.compile(r"\b(?:[A-Z]+_){1,}[A-Z0-9]+\b")


def launcher(cloud):
    return load(INFRA / f"ray-{cloud}.yaml")


@pytest.mark.parametrize("cloud", CLOUDS)
def test_rays_own_validator_takes_them_and_catches_a_typo(cloud):
    from ray.autoscaler._private.util import prepare_config, validate_config

    tree = launcher(cloud)
    validate_config(prepare_config(tree))
    for typo in ({"max_worker": 3}, {"rsync_excludes": []}):
        with pytest.raises(jsonschema.ValidationError):
            validate_config(prepare_config({**tree, **typo}))
    for name in ("cpu_worker", "gpu_worker"):
        assert SPOT[cloud] in json.dumps(tree["available_node_types"][name]["node_config"])
    assert SPOT[cloud] not in json.dumps(tree["available_node_types"]["head"])


def test_machines_of_aws_are_what_its_api_takes():
    """Every node_config against boto3's model of RunInstances, without a call to anybody."""
    botocore = pytest.importorskip("botocore.session")
    from botocore.validate import ParamValidator

    pytest.importorskip("boto3")
    model = botocore.get_session().get_service_model("ec2")
    shape = model.operation_model("RunInstances").input_shape

    def problems(node):
        parameters = {**node, "MinCount": 1, "MaxCount": 1}
        return ParamValidator().validate(parameters, shape).generate_report()

    for name, kind in launcher("aws")["available_node_types"].items():
        node = kind["node_config"]
        assert problems(node) == "", name
        assert node["ImageId"] == "AMI_UBUNTU_24_04"  # Ray's own default is years old
        assert "imageid" in problems({**node, "imageid": "x"})


def test_ray_keeps_the_image_that_the_file_names():
    pytest.importorskip("boto3")
    from ray.autoscaler._private.aws.config import DEFAULT_AMI, _check_ami
    from ray.autoscaler._private.util import prepare_config

    config = prepare_config(launcher("aws"))
    _check_ami(config)
    for kind in config["available_node_types"].values():
        assert kind["node_config"]["ImageId"] not in DEFAULT_AMI.values()


def test_machines_of_gcp_are_what_its_api_takes():
    """Every node_config against the discovery document that Google's client carries."""
    documents = pytest.importorskip("googleapiclient.discovery_cache.documents")
    path = Path(next(iter(documents.__path__))) / "compute.v1.json"
    schemas = json.loads(path.read_text())["schemas"]

    def unknown(value, schema):
        if "$ref" in schema:
            schema = schemas[schema["$ref"]]
        if isinstance(value, list):
            return [u for item in value for u in unknown(item, schema["items"])]
        if isinstance(value, dict):
            fields = schema.get("properties", {})
            found = [name for name in value if name not in fields]
            known = [name for name in value if name in fields]
            return found + [u for name in known for u in unknown(value[name], fields[name])]
        return []

    instance = {"$ref": "Instance"}
    for kind in launcher("gcp")["available_node_types"].values():
        node = dict(kind["node_config"])
        # Ray takes a list here and hands on its entries as one.
        (node["scheduling"],) = node.get("scheduling", [{}])
        assert unknown(node, instance) == []
        (disk,) = node["disks"]
        assert "ubuntu-2404" in disk["initializeParams"]["sourceImage"]
    assert unknown({"machineTyp": "x"}, instance) == ["machineTyp"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_extras_are_those_of_the_project(cloud):
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    text = (INFRA / f"ray-{cloud}.yaml").read_text()
    assert f'".[all,{cloud}]"' in text
    assert cloud in extras
    (setup,) = launcher(cloud)["setup_commands"]
    assert setup.split()[:2] == ["~/stemdist/infra/node-setup.sh", cloud]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_has_to_be_filled_in_is_said(cloud):
    text = (INFRA / f"ray-{cloud}.yaml").read_text()
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    values = json.dumps(launcher(cloud))
    own = {"RAY_AUTH_MODE", "RAY_HEAD_IP", "AUTOSCALER_NODE_START_WAIT_S"}
    for name in set(PLACEHOLDER.findall(values)) - own:
        assert name in comments, name


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_checkout_travels_without_secrets_and_results(cloud, tmp_path):
    from ray.autoscaler._private.command_runner import SSHCommandRunner

    tree = launcher(cloud)
    assert {"infra/secrets", ".git", "runs", ".venv"} <= set(tree["rsync_exclude"])
    options = {key: tree[key] for key in ("rsync_exclude", "rsync_filter")}
    arguments = SSHCommandRunner._create_rsync_filter_args(None, options)
    assert arguments[6:8] == ["--exclude", "infra/secrets"]
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    here, there = tmp_path / "here", tmp_path / "there"
    for name in ("infra/secrets/env", "infra/compose.yaml", "runs/x", "jobs/distill.py", "a.pyc"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("x")
    shutil.copy(ROOT / ".gitignore", here)
    subprocess.run(["rsync", "-a", *arguments, f"{here}/", there], check=True)
    came = {p.relative_to(there).as_posix() for p in there.rglob("*") if p.is_file()}
    assert came == {".gitignore", "infra/compose.yaml", "jobs/distill.py"}


def stand_in(folder, name, body="exit 0"):
    """A program that notes how it was called, in front of whatever has its name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> "$HOME/calls"\n{body}\n')
    path.chmod(0o755)


def calls(home):
    return (home / "calls").read_text().splitlines()


@pytest.mark.parametrize("cloud", CLOUDS)
def test_start_commands_find_python_and_the_token(cloud, tmp_path):
    """As a login shell with a bare PATH runs them; `ray` and `python` are stand-ins in ~/venv."""
    bin_folder = tmp_path / "venv" / "bin"
    stand_in(bin_folder, "ray", 'echo "$RAY_AUTH_MODE $(command -v python)" >> "$HOME/calls"')
    stand_in(bin_folder, "python")
    tree = launcher(cloud)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "RAY_HEAD_IP": "10.0.0.1"}
    for command in [*tree["head_start_ray_commands"], *tree["worker_start_ray_commands"]]:
        subprocess.run(["bash", "-c", command], env=env, check=True)
    starts = [i for i, call in enumerate(calls(tmp_path)) if call.startswith("ray start")]
    assert len(starts) == 2
    for index in starts:
        assert calls(tmp_path)[index + 1] == f"token {bin_folder}/python"
    head, worker = (calls(tmp_path)[index] for index in starts)
    assert "--dashboard-host=127.0.0.1" in head
    assert "--address=10.0.0.1:6379" in worker
    # Longer than a spot machine takes, driver and packages included.
    wait = re.search(r"AUTOSCALER_NODE_START_WAIT_S=(\d+)", json.dumps(tree)).group(1)
    assert int(wait) >= 1800


def prepared(tmp_path, gpu):
    """A home and a PATH as on a fresh machine, with stand-ins for what changes the system."""
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("token")
    (tmp_path / ".ray" / "auth_token").chmod(0o644)
    programs = tmp_path / "programs"
    stand_in(programs, "sudo", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')
    for name in ("apt-get", "mount", "chown", "ubuntu-drivers", "modprobe"):
        stand_in(programs, name)
    stand_in(programs, "mkdir")
    stand_in(programs, "mountpoint", 'grep -q "^mount " "$HOME/calls"')
    stand_in(programs, "lspci", f'echo "00:1e.0 3D controller: {"NVIDIA" if gpu else "none"}"')
    stand_in(programs, "nvidia-smi", 'grep -q "^modprobe nvidia" "$HOME/calls"')
    stand_in(programs, "python")
    copy = f'/bin/mkdir -p "$HOME/venv/bin"; cp "{programs}/python" "$HOME/venv/bin/python"'
    stand_in(programs, "python3", copy)
    return {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_machine_is_made_ready_and_may_be_so_twice(cloud, gpu, tmp_path):
    env = prepared(tmp_path, gpu)
    (setup,) = launcher(cloud)["setup_commands"]
    setup = setup.replace("~/stemdist", str(ROOT))
    for _ in range(2):
        done = subprocess.run(
            ["bash", "-c", setup], env=env, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    seen = calls(tmp_path)
    mounts = [call for call in seen if call.startswith("mount ")]
    assert len(mounts) == 1
    assert mounts[0].endswith(" /runs")
    assert len([call for call in seen if "-m venv" in call]) == 1
    assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o077 == 0
    pip = [call for call in seen if "-m pip install" in call]
    assert all("-c constraints.txt" in call for call in pip)
    assert pip[-1].endswith(f".[all,{cloud}]")
    drivers = [call for call in seen if call.startswith("ubuntu-drivers")]
    assert len(drivers) == (1 if gpu else 0)  # the second time it is there
    assert ("download.pytorch.org/whl/cpu" in pip[0]) is not gpu


def test_a_gpu_that_does_not_answer_is_said(tmp_path):
    env = prepared(tmp_path, gpu=True)
    stand_in(tmp_path / "programs", "nvidia-smi", "exit 9")
    script = [INFRA / "node-setup.sh", "aws", "nfs4", "nfsvers=4.1", "efs:/"]
    done = subprocess.run(script, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "the GPU does not answer with driver 580; set NVIDIA_DRIVER\n"
