import numpy as np
import pytest

from jobs.benchmarks.stream import StreamCase, StreamResult, stream_table, write_store
from stemdist_ray.data.source import read_series
from tests.jobs.benchmarks.fresh import printed


def test_the_store_is_a_series_with_a_daily_season(tmp_path):
    write_store(tmp_path / "series.zarr", StreamCase(locations=20, steps=3000))
    series = read_series(tmp_path / "series.zarr")
    assert series.values.shape == (3000, 20, 1)
    assert str(series.times[1]).startswith("2023-01-01T00:05")
    day = series.values[: 10 * 288, :, 0].reshape(10, 288, 20).mean(axis=0)
    assert day.std(axis=0).mean() > 2  # of the waves


def test_all_figures_are_told():
    result = StreamResult(100.0, {"read": 1.5}, 500.0, 700.0, 3.0, 9.0, 1.0, 2.0, 3.0, 0.5)
    table = stream_table(result)
    assert table.row_count == 9
    assert "100 MiB" in table.title


SMALL = """
import json, tempfile
from dataclasses import asdict
from pathlib import Path
from jobs.benchmarks.stream import StreamCase, run_stream
from stemdist_ray.progress import SilentReporter

if __name__ == "__main__":
    settings = ("teacher.epochs=2", "teacher.members=1", "validation.epochs=2")
    with tempfile.TemporaryDirectory() as folder:
        case = StreamCase(40, 1500, 1, settings)
        print(json.dumps(asdict(run_stream(case, Path(folder), SilentReporter()))))
"""


@pytest.mark.ray
@pytest.mark.slow  # a Ray of its own, in a process of its own
def test_a_small_run():
    found = printed(SMALL)
    assert found["series_mib"] == pytest.approx(40 * 1500 * 4 / 2**20)
    assert {"read", "base", "teacher", "cluster"} <= set(found["seconds"])
    assert min(found["driver_peak_mib"], found["worker_peak_mib"], found["tasks_mib"]) > 0
    assert np.isfinite(found["validation"])
