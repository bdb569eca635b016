"""Trained forecasters as versions of registered models."""

from __future__ import annotations

from pathlib import Path

from stemdist_ray.config import TrainConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.tracking.base_class import Tracker
from stemdist_ray.tracking.mlflow import tracking_uri


def register(
    folder: Path, config: TrainConfig, test_error: float, tracker: Tracker, name: str | None
) -> str | None:
    """Make a trained forecaster a version of a registered model.

    Args:
        folder: Of the forecaster.
        config: Its settings.
        test_error: Relative RMSE on test, for the model's page.
        tracker: Of the training's run.
        name: Of the model; None = it is not registered.

    Returns:
        URI of the version, None where none was asked for.

    Raises:
        ExecutionError: The tracking store was out of reach.
    """
    if name is None:
        return None
    if tracker.run_id is None:
        raise ExecutionError(
            f"the forecaster is in {folder} but could not be registered as {name!r}: its "
            "tracking store was out of reach; run again with resume=True"
        )
    from stemdist_ray.tracking.models import register_model

    about = {
        "forecaster": config.forecaster.name,
        "test_relative_rmse": test_error,
        "input": "readings (steps, locations, features) in original units; params last_time or "
        "last_step where the forecast depends on the season",
        "output": "forecasts (steps, locations) in original units",
    }
    uri = tracking_uri(config.tracking, folder.absolute().parent.parent)
    return register_model(uri, tracker.run_id, folder, name, about)


def check_register(config: TrainConfig, name: str | None) -> None:
    """Make sure that a model can be registered, before anything is trained.

    Raises:
        ExecutionError: Tracking is off.
    """
    if name is not None and not config.tracking.enabled:
        raise ExecutionError(
            f"register_as is {name!r} but tracking.enabled is false; turn tracking on"
        )
