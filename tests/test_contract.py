"""Names that others rely on to the letter."""

import stemdist_ray

METRICS = {"relative_rmse", "relative_mae", "mae", "rmse", "mape"}
EVALUATION_KEYS = METRICS | {
    "per_horizon",
    "naive",
    "random_subset",
    "centroid",
    "node_sampled",
    "validation",
    "full_data",
    "train_seconds",
    "peak_rss_mib",
    "num_parameters",
    "seed",
    "forecaster",
    "random_teacher",
    "track",
    "with_base",
    "network_alone",
    "curve",
    "learning_rate",
    "distill_seconds",
    "break_even",
}


def test_public_names():
    for name in stemdist_ray.__all__:
        assert getattr(stemdist_ray, name) is not None
    wanted = {"distill", "evaluate", "SyntheticDataset", "DistillConfig", "read_series"}
    assert wanted <= set(stemdist_ray.__all__)
