"""Run tasks on a cluster that grows from no machine to three, and loses one; for ``test_nodes.py``.

It prints a JSON line: results, how many workers there were at most and at the end, and what was
said.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
import threading
import time

import ray
from ray import cloudpickle
from ray.cluster_utils import Cluster

from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution.ray_workers import RayExecutor
from tests.faults.nodes import patiently

cloudpickle.register_pickle_by_value(sys.modules[__name__])


COUNT = 150


@dataclasses.dataclass(frozen=True)
class Nap:
    name: str
    seconds: float


def nap(data, task):
    time.sleep(task.seconds)
    return task.name


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def main():
    lines = Lines()
    logging.getLogger("stemdist_ray").addHandler(lines)
    cluster = patiently(Cluster, initialize_head=True, head_node_args={"num_cpus": 0})
    ray.init(address=cluster.address, log_to_driver=False)
    told, sizes = [], []

    def done(name):
        told.append(name)
        sizes.append(len(executor.pool.placed()))

    def work():
        with executor:
            executor.run(nap, [Nap(f"nap {i}", 1.0) for i in range(COUNT)], done)

    executor = RayExecutor(None, WorkerConfig(start_timeout=300.0), 3)
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(5.0)
    nodes = []
    for count in (1, 2, 3):
        nodes.append(patiently(cluster.add_node, num_cpus=1))
        wait_for(lambda count=count: len(executor.pool.placed()) >= count)
    cluster.remove_node(nodes[0], allow_graceful=False)
    wait_for(lambda: len(executor.pool.placed()) == 2)
    thread.join()
    found = {"told": sorted(told), "most": max(sizes), "last": sizes[-1], "lines": lines.lines}
    ray.shutdown()
    cluster.shutdown()
    print(json.dumps(found))


def wait_for(condition, seconds=150.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


if __name__ == "__main__":
    main()
