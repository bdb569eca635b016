"""Distilling is worth it: on the demo, distilled data beat a random subset of the same size."""

import pytest

from stemdist_ray import SyntheticDataset, build_config, distill
from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.comparison.compare import Cell
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.pipeline.evaluate_job import opened_comparison
from stemdist_ray.progress import SilentReporter


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Both rows on both tracks, with the settings of the preset, in this process."""
    alone = {"worker": {"num_workers": 0}, "tracking": {"enabled": False}}
    config = build_config("demo", alone)
    source = prepare_source("demo", config.data)
    result = distill(source, tmp_path_factory.mktemp("runs") / "run", config)
    data = SyntheticDataset.load(result.path)
    with opened_comparison(data, source, None, SilentReporter()) as work:
        rows = [ROWS.get(name) for name in ("distilled", "random_subset")]
        cells = [Cell(config.forecaster, track, row) for track in work.tracks for row in rows]
        return work.comparison.run(cells)


def error(results, track, row):
    return results[0]["stid", track, row].test.values["relative_rmse"]


def test_distilled_data_beat_a_random_subset_on_the_demo(results):
    distilled, random = (error(results, "with_base", r) for r in ("distilled", "random_subset"))
    assert distilled["mean"] + distilled["std"] < random["mean"] - random["std"]


def test_a_network_on_the_base_is_no_worse_than_the_base_nor_than_a_network_alone(results):
    base = results[1]["seasonal_linear"].test.values["relative_rmse"]["mean"]
    distilled = error(results, "with_base", "distilled")["mean"]
    assert distilled < 1.01 * base
    assert distilled < error(results, "network_alone", "distilled")["mean"]
