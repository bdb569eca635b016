"""Distil on a cluster while somebody looks on from outside; run by ``test_outside.py``.

``python -m tests.integration.outside FOLDER`` starts a head with its dashboard and a machine of two
CPUs, joins them, distils with a forecaster that complains, and kills a worker on the way. What is
printed is what a job would print; the last line is JSON: what was scraped, and the names of tasks.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import urllib.request
import warnings
from pathlib import Path

import ray
import torch
from prometheus_client.parser import text_string_to_metric_families
from ray.cluster_utils import Cluster
from ray.util.state import list_tasks

from stemdist_ray import distill, read_series, register_forecaster
from stemdist_ray.cli.exits import prepare_process
from stemdist_ray.config import build_config
from stemdist_ray.distillation.run_state import RunObserver
from stemdist_ray.execution.metering import METRICS
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.execution.session import patiently
from stemdist_ray.progress import console_reporter, output_console
from tests.conftest import TINY

EVERY = {"_system_config": {"metrics_report_interval_ms": 1000}}
UNSEEN = {metric.exported for metric in METRICS if "gpu" in metric.name}


@register_forecaster("loud")
class Loud(torch.nn.Module):
    """Complains, by a line in the log and by a warning of Python's."""

    def __init__(self, shape):
        super().__init__()
        logging.getLogger("stemdist_ray.loud").warning("a loud forecaster was built")
        warnings.warn("loud is out of fashion", RuntimeWarning, stacklevel=1)
        self.line = torch.nn.Linear(shape.lookback * shape.num_features, shape.horizon)

    def forward(self, x, mean_window):
        return self.line(x.transpose(1, 2).flatten(2)).transpose(1, 2)


class Killer(RunObserver):
    """Kills a worker that has a task, once."""

    def __init__(self, executor):
        self.executor, self.killed = executor, False

    def task_done(self, update):
        busy = [m.pid for m in self.executor.pool.members if m.job is not None and m.pid]
        if busy and not self.killed:
            self.killed = True
            os.kill(busy[0], signal.SIGKILL)


class Scraper(threading.Thread):
    """Asks all nodes for their metrics, twice a second."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.ports, self.over = ports, threading.Event()
        self.seen: dict[str, dict[str, list[float]]] = {}

    def run(self):
        while not self.over.wait(0.5):
            for port in self.ports:
                self.scrape(port)

    def scrape(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name.startswith("ray_stemdist_"):
                    own = {k: sample.labels.get(k, "") for k in ("Run", "Kind", "Reason", "Worker")}
                    series = self.seen.setdefault(sample.name, {})
                    series.setdefault(json.dumps(own), []).append(sample.value)

    def missing(self):
        return {metric.exported for metric in METRICS} - set(self.seen) - UNSEEN


def main(folder):
    prepare_process()
    head = {"num_cpus": 0, "include_dashboard": True, "dashboard_port": 0, **EVERY}
    cluster = patiently(Cluster, initialize_head=True, head_node_args=head)
    patiently(cluster.add_node, num_cpus=2)
    os.environ["RAY_ADDRESS"] = cluster.address
    own = {
        "forecaster": {"name": "loud", "options": {}},
        "worker": {"num_workers": 2, "start_timeout": 120.0},
    }
    config = build_config("demo", {**TINY, **own})
    with (
        console_reporter(output_console()) as reporter,
        RayExecutor(None, config.worker, 2, "seen", reporter.say) as executor,
    ):
        executor.wait_for_all()
        scraper = Scraper([node["MetricsExportPort"] for node in ray.nodes()])
        scraper.start()
        killer = Killer(executor)
        result = distill(
            read_series("demo"),
            folder / "run",
            config,
            executor=executor,
            reporter=reporter,
            observers=[killer],
        )
        end = time.monotonic() + 60
        while scraper.missing() and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(5.0)  # the last values are on their way for some report intervals
        scraper.over.set()
        scraper.join()
        tasks = [task.name for task in list_tasks(limit=5000)]
    cluster.shutdown()
    executions = [record.kind for record in result.dataset.manifest.executions]
    print(json.dumps({"seen": scraper.seen, "tasks": tasks, "kinds": executions}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
