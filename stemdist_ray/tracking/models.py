"""Register a trained forecaster in MLflow as a pyfunc."""

from __future__ import annotations

import logging
import os
from importlib import resources
from pathlib import Path
from typing import Any

from stemdist_ray.environment import package_versions

logger = logging.getLogger(__name__)


def register_model(
    uri: str, run_id: str, forecaster: Path, name: str, metadata: dict[str, Any]
) -> str:
    """Log a trained forecaster to a run and register it.

    The model carries this package's source, so that whoever loads it needs only MLflow and the
    packages it names.

    Args:
        uri: Tracking URI.
        run_id: The training's run.
        forecaster: Folder written by ``TrainedForecaster.save``.
        name: Registered model name; an existing one gets a new version.
        metadata: Shown with the model.

    Returns:
        URI of the registered version, for ``mlflow.pyfunc.load_model``.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    mlflow.set_tracking_uri(uri)
    package = Path(str(resources.files("stemdist_ray")))
    versions = package_versions()
    wanted = ("torch", "numpy", "pydantic", "PyYAML")
    requirements = [f"{n}=={versions[n].split('+')[0]}" for n in wanted if n in versions]
    with mlflow.start_run(run_id=run_id):
        model = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(package / "tracking" / "served_model.py"),
            artifacts={"forecaster": str(forecaster)},
            code_paths=[str(package)],
            pip_requirements=[f"mlflow=={mlflow.__version__}", *requirements],
            registered_model_name=name,
            metadata=metadata,
        )
    return f"models:/{name}/{model.registered_model_version}"
