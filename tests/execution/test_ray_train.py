import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from stemdist_ray.config import TrainWorkerConfig
from stemdist_ray.data.streaming import stream_source
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DivergenceError, ExecutionError
from stemdist_ray.execution.ray_train import train_on_ray
from stemdist_ray.training.work import training_work
from tests.training.helpers import alone, assert_close

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray"), pytest.mark.timeout(1800)]


def with_training(config, **changes):
    tree = config.model_dump()
    tree["training"] |= changes
    return config.model_validate(tree)


@pytest.mark.slow  # two trainings on Ray Train, one begun twice
def test_two_workers_equal_one_even_when_one_is_killed(train_config, gappy, gappy_series, tmp_path):
    """The workers map the files of a streamed series; the one of comparison holds it in memory."""
    config = with_training(train_config, epochs=12, patience=0)
    path, files = write_series(gappy_series, tmp_path / "series.zarr"), tmp_path / "files"
    files.mkdir()
    streamed = training_work(config, stream_source(path, config.data, files), None, "hash")
    work = training_work(config, gappy, None, "hash")
    folder, killed, over = tmp_path / "checkpoints", [], threading.Event()

    def kill_one_worker():
        while len(list(folder.glob("checkpoint_*"))) < 2 and not over.is_set():
            time.sleep(0.02)
        for process in psutil.process_iter(["cmdline"]):
            if "RayTrainWorker" in " ".join(process.info["cmdline"] or ()):
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)
                return

    killer = threading.Thread(target=kill_one_worker)
    killer.start()
    try:
        state = train_on_ray(streamed, TrainWorkerConfig(num_workers=2), folder)
    finally:
        over.set()
        killer.join()
    assert killed
    assert_close(state, alone(work, tmp_path / "state.pt"))

    more = training_work(with_training(config, epochs=14), gappy, None, "hash")
    resumed = train_on_ray(more, TrainWorkerConfig(num_workers=1), folder)
    assert_close(resumed, alone(more, tmp_path / "state.pt"))


@pytest.mark.slow
def test_a_domain_error_of_a_worker_keeps_its_type(train_config, gappy, tmp_path):
    config = with_training(train_config, epochs=1, learning_rate=1e30)
    work = training_work(config, gappy, None, "hash")
    with pytest.raises(DivergenceError, match=r"lower training\.learning_rate"):
        train_on_ray(work, TrainWorkerConfig(max_failures=0), tmp_path / "checkpoints")


def test_no_room_is_said_at_once(train_config, gappy, tmp_path):
    work = training_work(train_config, gappy, None, "hash")
    with pytest.raises(ExecutionError, match="9 workers want 9 CPU, the cluster has 4"):
        train_on_ray(work, TrainWorkerConfig(num_workers=9), tmp_path / "checkpoints")


@pytest.mark.slow
def test_fewer_workers_than_wanted_will_do(train_config, gappy, tmp_path):
    """Nine have no place here; it begins with those that have, and takes the same steps."""
    work = training_work(with_training(train_config, epochs=3, patience=0), gappy, None, "hash")
    elastic = TrainWorkerConfig(num_workers=9, min_workers=1)
    state = train_on_ray(work, elastic, tmp_path / "checkpoints")
    assert_close(state, alone(work, tmp_path / "state.pt"))


@pytest.mark.slow  # a cluster of its own
def test_machines_that_come_later_are_waited_for():
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.train_growth"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["lines"][0].startswith("waiting for machines, 0 of 120 s: 1 workers want 1 CPU")
    assert told["close"]
