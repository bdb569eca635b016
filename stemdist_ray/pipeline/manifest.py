"""The manifest: everything that is recorded about how an artifact was made."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from stemdist_ray.artifact.dataset import SCHEMA_VERSION
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.windows import PreparedData
from stemdist_ray.distillation.coordinator import RunState
from stemdist_ray.environment import hardware, package_versions
from stemdist_ray.pipeline.inputs import JobInput


def build_manifest(
    config: DistillConfig,
    job: JobInput,
    data: PreparedData,
    clustering: Clustering,
    state: RunState,
) -> dict[str, Any]:
    """Describe a finished run; stages, memory and tracking id are added by the caller."""
    windows = data.windows
    return {
        "schema_version": SCHEMA_VERSION,
        "source": job.description,
        "spatial_ratio": config.spatial_ratio,
        "temporal_ratio": config.temporal_ratio,
        "seed": config.seed,
        "size": _size(data, state),
        "target": {"name": data.target_name, "unit": data.target_unit, "position": windows.target},
        "scaler": {
            "mean": list(data.scaler.mean),
            "std": list(data.scaler.std),
            "features": [*job.series.feature_names, *config.data.covariates],
        },
        "result": {
            "rounds": state.round,
            "best_round": state.best_round,
            "best_validation": state.best_score,
            "start_validation": state.history[0].validation,
            "stopped_early": state.stopped_early,
            "teachers": dict(state.teachers),
            "inertia": clustering.inertia,
        },
        "history": [asdict(record) for record in state.history],
        "config": config.model_dump(mode="json"),
        "versions": package_versions(),
        "hardware": hardware(),
    }


def _size(data: PreparedData, state: RunState) -> dict[str, int]:
    windows, best, real_windows = data.windows, state.best, len(data.starts["train"])
    per_location = windows.lookback * windows.num_features + windows.horizon
    return {
        "windows": best.num_windows,
        "locations": best.num_locations,
        "real_windows": real_windows,
        "real_locations": windows.num_locations,
        "lookback": windows.lookback,
        "horizon": windows.horizon,
        "features": windows.num_features,
        "bytes": int(best.x.nbytes + best.y.nbytes),
        "real_bytes": 4 * real_windows * windows.num_locations * per_location,
    }
