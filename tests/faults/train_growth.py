"""Train on a cluster that has no machine yet; for ``test_ray_train.py``.

It prints a JSON line: what was said, and whether the result is that of a training in one process.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

import ray
from ray.cluster_utils import Cluster

from stemdist_ray.config import TrainConfig, TrainWorkerConfig, with_settings
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.execution.ray_train import train_on_ray
from stemdist_ray.training.work import training_work
from tests.faults.nodes import patiently
from tests.training.helpers import alone, assert_close

SETTINGS = [("base", "none"), ("training.epochs", 2), ("training.patience", 0)]


def main():
    config = TrainConfig.model_validate(with_settings({}, SETTINGS))
    source = prepare_source("sim:traffic?locations=12,steps=300", config.data)
    work = training_work(config, source, None, "hash")
    cluster = patiently(Cluster, initialize_head=True, head_node_args={"num_cpus": 0})
    ray.init(address=cluster.address, log_to_driver=False)
    lines, over = [], threading.Event()

    def grow():
        time.sleep(8.0)
        # A node wants to end with its process and sets a signal handler, which a thread may not.
        with mock.patch("ray._private.utils.set_sigterm_handler"):
            patiently(cluster.add_node, num_cpus=1)
        over.wait()  # the system ends a node with the thread that started it

    thread = threading.Thread(target=grow, daemon=True)
    thread.start()
    worker = TrainWorkerConfig(
        num_workers=3, min_workers=1, start_timeout=120.0, address=cluster.address
    )
    with tempfile.TemporaryDirectory() as folder:
        state = train_on_ray(work, worker, Path(folder) / "checkpoints", lines.append)
        assert_close(state, alone(work, Path(folder) / "state.pt"))
    ray.shutdown()
    cluster.shutdown()
    over.set()
    thread.join()
    print(json.dumps({"lines": lines, "close": True}))


if __name__ == "__main__":
    main()
