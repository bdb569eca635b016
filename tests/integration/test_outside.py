"""What can be seen of a run from outside: metrics, names of tasks, the job's log, the manifest."""

import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.artifact.manifest import Manifest
from stemdist_ray.execution import metering
from stemdist_ray.execution.metering import METRICS
from tests.conftest import ROOT
from tests.infra.test_monitoring import metrics

pytestmark = [pytest.mark.ray, pytest.mark.slow]  # starts a cluster of its own

SHARD, MEMBER = "distillation.shard.run_shard", "distillation.teacher.train_member"
GPU = {metering.GPU_MEMORY, metering.GPU_MEMORY_PEAK}


@dataclass(frozen=True)
class Outside:
    """What was seen.

    Args:
        seen: Values by name of the metric and labels.
        tasks: Their names in Ray's state.
        out: What the job printed.
        errors: What it printed as errors, its log among it.
        manifest: Of the result.
    """

    seen: dict[str, dict[str, list[float]]]
    tasks: list[str]
    out: str
    errors: str
    manifest: Manifest

    def values(self, metric: metering.Metric, **labels: str) -> list[float]:
        """All values of a metric in series with some labels."""
        series: dict[str, Any] = self.seen[metric.exported]
        return [
            value
            for text, values in series.items()
            for value in values
            if labels.items() <= json.loads(text).items()
        ]


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    command = [sys.executable, "-m", "tests.integration.outside", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    *out, last = done.stdout.splitlines()
    found = json.loads(last)
    manifest = SyntheticDataset.load(folder / "run").manifest
    return Outside(found["seen"], found["tasks"], "\n".join(out), done.stderr, manifest)


def test_every_metric_of_the_dashboard_is_scraped(outside):
    assert metrics("stemdist") - set(outside.seen) == {metric.exported for metric in GPU}
    for metric in set(METRICS) - GPU:
        for text, values in outside.seen[metric.exported].items():
            labels = json.loads(text)
            assert re.fullmatch(r"seen-[0-9a-f]{8}", labels["Run"])
            for label in ("Kind", "Reason", "Worker"):
                assert bool(labels[label]) == (label in metric.labels), (metric, labels)
            assert all(math.isfinite(value) and value >= 0 for value in values)


def test_the_values_are_plausible(outside):
    values, history = outside.values, outside.manifest.history
    assert values(metering.ROUNDS)[-1] == 2
    assert values(metering.ROUND_SECONDS)[-1] == pytest.approx(history[-1].seconds)
    assert values(metering.OBJECTIVE)[-1] == pytest.approx(history[-1].objective)
    assert values(metering.ERROR)[-1] == pytest.approx(history[-1].validation)
    best = outside.manifest.result.best_validation
    assert values(metering.BEST_ERROR)[-1] == pytest.approx(best)
    assert max(values(metering.WORKERS_LIVE)) == max(values(metering.WORKERS_WANTED)) == 2
    assert max(values(metering.TASKS_RUNNING)) <= 2
    assert values(metering.TASKS_PENDING)[-1] == values(metering.TASKS_RUNNING)[-1] == 0
    assert sum({max(v) for v in outside.seen[metering.TASKS_LOST.exported].values()}) >= 1
    for kind in (SHARD, MEMBER):
        assert 0 < values(metering.TASK_SECONDS, Kind=kind)[-1] < 60
    assert values(metering.TASKS_DONE, Kind=MEMBER)[-1] == 1
    assert all(2**26 < value < 2**34 for value in values(metering.WORKER_MEMORY))


def test_tasks_have_names(outside):
    assert {"round 1 shard 0", "round 2 shard 2", "teacher, member 1 of 1"} <= set(outside.tasks)


def test_what_workers_log_reaches_the_log_of_the_job(outside):
    assert re.search(r"WARNING: worker \d on \S+: a loud forecaster was built", outside.errors)
    assert re.search(r"WARNING: worker \d on \S+: .*RuntimeWarning: loud is out", outside.errors)
    assert len(re.findall("a loud forecaster was built", outside.errors)) <= 2  # driver, workers
    assert re.search(r"round 1 \w+ \d: worker lost \(.*\), running it again", outside.out)


def test_the_manifest_says_who_ran_what(outside):
    records = {record.kind: record for record in outside.manifest.executions}
    shard = records[SHARD]
    assert shard.attempts == shard.tasks + sum(shard.losses.values())
    assert sum(sum(r.losses.values()) for r in records.values()) == 1
    assert {place.device for record in records.values() for place in record.workers} == {"cpu"}
    assert all(place.host for record in records.values() for place in record.workers)
    assert records[MEMBER].tasks == 1
