import pickle
from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.streaming import stream_source
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DataError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.pipeline.stream_task import StreamTask, run_stream, streaming_by


class Elsewhere(SerialExecutor):
    """Runs tasks in another folder, and hands everything on as bytes, as other machines do."""

    def __init__(self, folder, monkeypatch):
        super().__init__()
        self.folder, self.monkeypatch, self.names = folder, monkeypatch, []

    def run(self, function, tasks, on_done):
        self.names += [task.name for task in tasks]
        sent = pickle.loads(pickle.dumps(tasks))
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            return pickle.loads(pickle.dumps(super().run(function, sent, on_done)))


@pytest.fixture
def home(tmp_path, traffic, monkeypatch):
    """A folder that holds a series and coordinates, named by relative paths."""
    here = tmp_path / "here"
    here.mkdir()
    write_series(replace(traffic, coordinates=None), here / "series.zarr")
    rows = [f"{name},{i},{-i}" for i, name in enumerate(traffic.location_ids)]
    (here / "places.csv").write_text("\n".join(["id,latitude,longitude", *rows]))
    monkeypatch.chdir(here)
    return here


def test_a_worker_reads_what_the_driver_would(home, tmp_path, monkeypatch):
    config = DataConfig(lookback=6, horizon=4, locations_file="places.csv")
    (home / "own").mkdir(), (home / "worker").mkdir()
    executor = Elsewhere(tmp_path, monkeypatch)
    streamed = streaming_by(lambda: executor)("series.zarr", config, home / "worker")
    own = stream_source("series.zarr", config, home / "own")
    assert executor.names == ["reading"]
    assert streamed.description == own.description  # the source's name as it was given
    assert streamed.config == own.config == config
    np.testing.assert_array_equal(streamed.coordinates, own.coordinates)
    np.testing.assert_array_equal(streamed.windows.inputs, own.windows.inputs)
    assert streamed.scaler == own.scaler


def test_every_attempt_writes_files_of_its_own(home):
    task = StreamTask(
        "reading", str(home / "series.zarr"), (), DataConfig(lookback=6, horizon=4), home
    )
    first = run_stream(None, task).windows.inputs
    second = run_stream(None, task).windows.inputs
    assert first.filename != second.filename
    np.testing.assert_array_equal(first, second)


def test_what_is_wrong_is_said_before_workers_start(home):
    def nobody():
        raise AssertionError("workers were started")

    with pytest.raises(DataError, match=r"missing\.zarr"):
        streaming_by(nobody)("missing.zarr", DataConfig(), home)


def test_a_worker_that_does_not_see_the_source(home, tmp_path):
    unseen = tmp_path / "elsewhere" / "series.zarr"
    task = StreamTask("reading", str(unseen), (unseen,), DataConfig(), home)
    with pytest.raises(DataError, match=r"series\.zarr: a worker does not see it; .*same path"):
        run_stream(None, task)
    seen = StreamTask("reading", str(home), (home,), DataConfig(), tmp_path / "nowhere")
    with pytest.raises(DataError, match="nowhere: a worker does not see it"):
        run_stream(None, seen)
