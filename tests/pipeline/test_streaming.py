"""Distilling and judging series that are read block by block: the same, bit for bit."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, distill, evaluate
from stemdist_ray.config import build_config
from stemdist_ray.data import streaming
from stemdist_ray.data.mapped import MappedArray
from stemdist_ray.data.source import read_series
from stemdist_ray.data.writers import write_series
from stemdist_ray.distillation import start as start_module
from stemdist_ray.errors import DataError
from stemdist_ray.forecasters.closed_form import fit_base as base_module
from tests.conftest import TINY

TABLES = ("synthetic.parquet", "clusters.parquet", "locations.parquet", "encoder_input.parquet")
TABLES += ("base_weights.parquet", "base_patterns.parquet", "teacher.parquet")
MEMORY = ("no memory", {})
PROJECTED = ("projections", {"clustering": {"memory_budget": 1, "projections": 16}})
BUDGET = ("budget", {"budget": 0.02, "spatial_ratio": 0.5})


@pytest.fixture(scope="module")
def source(tmp_path_factory, traffic):
    """A table with gaps, and two features."""
    flow = np.where(traffic.mask, 90 - traffic.values, 7.0)
    both = np.concatenate([traffic.values, flow], axis=2)
    series = replace(
        traffic, values=both, mask=None, feature_names=("speed", "flow"), units=("km/h", "")
    )
    return write_series(series, tmp_path_factory.mktemp("series") / "series.zarr")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 24 * 2 * 4 * 40)
    # So that the base chooses on some of the locations, as it does where there are many.
    monkeypatch.setattr(base_module, "_SAMPLED_LOCATIONS", 10)


def settings(more, **top):
    data = {"lookback": 6, "horizon": 4, "target": "flow", "missing_values": [7.0]}
    return build_config("demo", TINY, {"data": data}, more, top)


@pytest.mark.parametrize(("name", "more"), [MEMORY, PROJECTED, BUDGET])
def test_streamed_equals_in_memory(tmp_path, source, name, more, monkeypatch):
    held = []
    monkeypatch.setattr(
        start_module,
        "cluster_series",
        lambda *args, real=start_module.cluster_series: held.append(real(*args)) or held[-1],
    )
    whole = distill(source, tmp_path / "whole", settings(more))
    assert not isinstance(held[-1].inputs, MappedArray)
    streamed = distill(source, tmp_path / "streamed", settings(more, streaming=True))
    assert isinstance(held[-1].inputs, MappedArray)
    for table in TABLES:
        same = (streamed.path / table).read_bytes() == (whole.path / table).read_bytes()
        assert same, f"{table} differs ({name})"
    assert streamed.best_validation == whole.best_validation
    assert sorted(p.name for p in tmp_path.iterdir()) == ["streamed", "whole"]


def test_a_streamed_run_goes_on_from_memory(tmp_path, source):
    config = settings({}, streaming=True)
    distill(source, tmp_path / "out", config.model_copy(update={"rounds": 1}))
    on = distill(source, tmp_path / "out", settings({}), resume=True)
    direct = distill(source, tmp_path / "direct", settings({}))
    for table in TABLES:
        assert (on.path / table).read_bytes() == (direct.path / table).read_bytes()


def test_judged_on_a_stream(tmp_path, source):
    config = settings({}, streaming=True)
    path = distill(source, tmp_path / "out", config).path
    streamed = evaluate(path, source)  # as it was distilled
    whole = evaluate(path, source, config.model_copy(update={"streaming": False}))
    for name, row in streamed.every_row().items():
        assert row.test == whole.every_row()[name].test, name
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    # A loaded data set has no folder for the files, a series at hand needs none.
    loaded, series = SyntheticDataset.load(path), read_series(source, config.data)
    assert evaluate(loaded, source).distilled.test == whole.distilled.test
    assert evaluate(loaded, series).distilled.test == whole.distilled.test


def test_a_series_at_hand_is_not_streamed(tmp_path, traffic):
    with pytest.raises(DataError, match="in memory already; leave streaming out"):
        distill(traffic, tmp_path / "out", settings({}, streaming=True))
    assert not list(tmp_path.iterdir())


def test_leftovers_of_a_killed_run_are_removed(tmp_path, source):
    """But not what a run that lives is using, nor a folder that was made this moment."""
    dead, fresh = tmp_path / "out.series-dead", tmp_path / "out.series-fresh"
    for folder in (dead, fresh):
        folder.mkdir()
        (folder / "values.f32").write_bytes(b"1234")
    old = time.time() - 600
    os.utime(dead, (old, old))
    distill(source, tmp_path / "out", settings({}, streaming=True))
    assert not dead.exists()
    assert fresh.exists()


@pytest.mark.slow
@pytest.mark.ray
def test_workers_read_the_files(tmp_path, source, local_ray):
    worker = {"num_workers": 2}
    config = settings({"worker": worker}, streaming=True)
    parallel = distill(source, tmp_path / "parallel", config)
    serial = distill(source, tmp_path / "serial", settings({}))
    for table in TABLES:
        assert (parallel.path / table).read_bytes() == (serial.path / table).read_bytes()
