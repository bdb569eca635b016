"""Distil on three simulated machines while workers are killed; run by ``test_nodes.py``.

``python -m tests.faults.nodes FOLDER DISTURBANCE...`` distils once in peace, then once for each
disturbance, ``KIND:SEED``, on the same workers. It prints a JSON line with the hashes of the
tables each of them left. Kinds: ``kill`` a worker, ``stop`` one, remove a ``node``.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from stemdist_ray import distill
from stemdist_ray.config import build_config
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.execution.session import patiently
from tests.conftest import TINY

SETTINGS = {"num_workers": 3, "heartbeat_timeout": 6.0, "start_timeout": 120.0}


class Disturber:
    """Does something to the workers at a random moment of a run.

    Args:
        cluster: The machines.
        executor: Has the workers.
        span: Seconds that a run takes in peace.
    """

    def __init__(self, cluster, executor, span):
        self.cluster, self.executor, self.span = cluster, executor, span
        self.done = []

    def start(self, kind, seed):
        random_ = random.Random(seed)
        moment, position = random_.uniform(0.0, self.span), random_.random()
        thread = threading.Timer(moment, self.disturb, (kind, position))
        thread.start()
        return thread

    def disturb(self, kind, position):
        if kind == "node":
            nodes = sorted(self.cluster.worker_nodes, key=lambda node: node.unique_id)
            self.cluster.remove_node(nodes[int(position * len(nodes))], allow_graceful=False)
        else:
            pids = sorted(self.executor.process_ids())
            victim = pids[int(position * len(pids))]
            with suppress(ProcessLookupError):  # dead since the disturbance before
                os.kill(victim, signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
        self.done.append(kind)


def tables(folder):
    """The hash of every table of a data set."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.parquet"))
    }


def main(folder, disturbances):
    cluster = patiently(Cluster, initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(3):
        patiently(cluster.add_node, num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    series = simulate_traffic(TrafficParameters(locations=24, steps=400, seed=3))
    config = build_config("demo", TINY, {"worker": SETTINGS})
    found = {}
    with RayExecutor(None, config.worker, 3) as executor:
        executor.wait_for_all()
        begun = time.monotonic()
        found["peace"] = tables(distill(series, folder / "peace", config, executor=executor).path)
        disturber = Disturber(cluster, executor, time.monotonic() - begun)
        for name in disturbances:
            kind, seed = name.split(":")
            thread = disturber.start(kind, int(seed))
            out = folder / name.replace(":", "-")
            found[name] = tables(distill(series, out, config, executor=executor).path)
            thread.join()
            if kind == "node":
                patiently(cluster.add_node, num_cpus=1)
        lost = len(disturber.done)
        started = executor.pool.joined
    ray.shutdown()
    cluster.shutdown()
    print(json.dumps({"tables": found, "disturbed": lost, "started": started}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
