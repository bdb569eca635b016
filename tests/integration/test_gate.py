"""Distilling is worth it: on the demo, distilled data beat a random subset of the same size."""

from stemdist_ray import SyntheticDataset, build_config, distill
from stemdist_ray.baselines import ROWS
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.pipeline.evaluate_job import opened_comparison
from stemdist_ray.progress import SilentReporter


def test_distilled_data_beat_a_random_subset_on_the_demo(tmp_path):
    """With the settings of the preset, but one round and the fastest forecaster."""
    small = {
        "rounds": 1,
        "forecaster": {"name": "stid"},
        "worker": {"num_workers": 0, "coordinator_threads": 1},
    }
    config = build_config("demo", {**small, "tracking": {"enabled": False}})
    source = prepare_source("demo", config.data)
    result = distill(source, tmp_path / "run", config)
    data = SyntheticDataset.load(result.path)
    with opened_comparison(data, source, None, SilentReporter()) as work:
        distilled, random = (
            work.comparison.train_row(ROWS.get(name)).test.values["relative_rmse"]
            for name in ("distilled", "random_subset")
        )
    assert distilled["mean"] + distilled["std"] < random["mean"] - random["std"]
