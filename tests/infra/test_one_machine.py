"""The README's first way, for real: a token, a bare PATH, the commands as they stand there."""

import contextlib
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from stemdist_ray import SyntheticDataset
from tests.conftest import ROOT, TINY
from tests.infra.files import INFRA
from tests.infra.test_monitoring import metrics
from tests.integration.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1200)]

BIN = Path(sys.executable).parent
# Exported by an autoscaler, by machines with GPUs, or only once something has gone wrong.
ELSEWHERE = re.compile(
    r"autoscaler_.+|ray_node_gpus_.+|ray_.+_(eviction|failure)_total"
    r"|ray_stemdist_.*"  # looked for while a run goes on, by tests/integration/test_outside.py
)


def block():
    """Lines of the first shell block."""
    text = (INFRA / "README.md").read_text().split("## One machine, no containers")[1]
    return re.search(r"```sh\n(.*?)```", text, re.DOTALL).group(1).splitlines()


@dataclass(frozen=True)
class Machine:
    """A Ray head that was started as the README says.

    Args:
        environment: Of a shell on it.
        dashboard: Where jobs are submitted.
        metrics: Where Prometheus asks.
    """

    environment: dict[str, str]
    dashboard: str
    metrics: str


def bash(line, environment):
    return subprocess.run(
        ["bash", "-c", line], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    token, start, *_ = block()
    bare = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0"}
    made = bash(token, bare)
    assert made.returncode == 0, made.stderr
    assert (home / ".ray" / "auth_token").stat().st_mode & 0o077 == 0
    names = (
        *("port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port"),
        *("dashboard-agent-grpc-port", "metrics-export-port", "runtime-env-agent-port"),
    )
    # Ports of its own, and processes below this one: `ray stop` would end every Ray on the machine.
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    options = [f"--{name}={port}" for name, port in ports.items()]
    options += [
        "--block",
        "--num-cpus=4",
        "--object-store-memory=200000000",
        f"--temp-dir={home}/r",
    ]
    environment = {**bare, "RAY_AUTH_MODE": "token"}
    log = (home / "head.log").open("w")
    process = subprocess.Popen(
        [*shlex.split(start), *options], env=environment, stdout=log, stderr=log
    )
    at = "http://127.0.0.1"
    yield Machine(
        environment, f"{at}:{ports['dashboard-port']}", f"{at}:{ports['metrics-export-port']}"
    )
    below = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    for child in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
    log.close()


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as page:
            return page.status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return None


def test_a_job_with_the_token_and_none_without(machine, tmp_path):
    while status(f"{machine.dashboard}/api/version") is None:
        time.sleep(1)
    assert status(f"{machine.dashboard}/api/jobs/") == 401
    (line,) = [line for line in block() if "jobs/distill.py" in line]
    tree = {
        "source": "sim:traffic?locations=24,steps=400,seed=3",
        "out": "runs/demo",
        "preset": "demo",
        "config": {**TINY, "worker": {"num_workers": 2}},
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(tree))
    shipped = ["--working-dir .", "jobs/configs/demo.yaml", "$PWD/runs/demo"]
    ours = [f"--address {machine.dashboard} --working-dir .", str(tmp_path / "job.yaml"),
            str(tmp_path / "demo")]  # fmt: skip
    for old, new in zip(shipped, ours, strict=True):
        assert old in line
        line = line.replace(old, new)
    nobody = {**machine.environment, "HOME": str(tmp_path), "RAY_AUTH_TOKEN": "0" * 32}
    assert bash(line, nobody).returncode != 0
    assert not (tmp_path / "demo").exists()
    not_yet = ("No available agent", "Failed to connect", "Connection refused")
    done = bash(line, machine.environment)
    while any(answer in done.stderr for answer in not_yet):
        time.sleep(3)
        done = bash(line, machine.environment)
    # `python` is the one whose folder `ray start` had on its PATH.
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert SyntheticDataset.load(tmp_path / "demo").config.worker.num_workers == 2


def test_the_dashboard_asks_for_metrics_that_are_there(machine):
    """After a job, so that there were tasks and actors."""
    wanted = {name for name in metrics() if not ELSEWHERE.fullmatch(name)}
    assert len(wanted) >= 9
    missing, deadline = wanted, time.monotonic() + 120
    while missing and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{machine.metrics}/metrics", timeout=10) as page:
                text = page.read().decode()
        except OSError:
            text = ""
        missing = wanted - set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
        time.sleep(2)
    assert missing == set()
