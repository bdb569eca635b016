"""Register a trained forecaster in MLflow as a pyfunc."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.trained import trained_hash
from stemdist_ray.system.environment import package_versions

_CONTENT = "stemdist_ray.content"  # tag of a version: hash of the forecaster that it holds
# Any array of the right shape is taken, which a type hint could not say; the signature names
# parameters only, for which no example is needed.
_UNFOUNDED = ("type hint", "input example")


def register_model(
    uri: str, run_id: str, forecaster: Path, name: str, metadata: dict[str, Any]
) -> str:
    """Log a trained forecaster to a run and register it, unless this run has done so before.

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
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    package = Path(str(resources.files("stemdist_ray")))
    versions = package_versions()
    # MLflow brings everything else that the model's code imports.
    needed = ("mlflow", "torch", "numpy")
    content = trained_hash(forecaster)
    with _store(uri):
        client = mlflow.MlflowClient()
        known = _registered(client, run_id, name, content)
        if known is not None:  # a training that had ended, gone on with
            return f"models:/{name}/{known}"
        # Said of the run first: who is stopped between the version and its tag finds it again.
        client.set_tag(run_id, _CONTENT, content)
        with mlflow.start_run(run_id=run_id), _without_warnings(_UNFOUNDED):
            model = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(package / "tracking" / "served_model.py"),
                artifacts={"forecaster": str(forecaster)},
                code_paths=[str(package)],
                pip_requirements=[f"{name}=={versions[name].split('+')[0]}" for name in needed],
                registered_model_name=name,
                metadata=metadata,
                signature=_signature(),
            )
        version = model.registered_model_version
        client.set_model_version_tag(name, str(version), _CONTENT, content)
    return f"models:/{name}/{version}"


def _registered(client: Any, run_id: str, name: str, content: str) -> str | None:
    """The newest version of a model that holds what a run is about to register."""
    of_run = client.search_model_versions(f"run_id = '{run_id}'")
    last = client.get_run(run_id).data.tags.get(_CONTENT)
    versions = [
        v.version for v in of_run if v.name == name and v.tags.get(_CONTENT, last) == content
    ]
    return str(max(map(int, versions))) if versions else None


@contextmanager
def _without_warnings(parts: Sequence[str]) -> Iterator[None]:
    """Drop warnings with one of these texts inside the block.

    Filters alone would not do: MLflow sets one of its own that comes before any of ours. So what
    still comes through is recorded, and given after the block but for these.
    """
    heard: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as heard:
            for part in parts:
                warnings.filterwarnings("ignore", f"(?s).*{part}", UserWarning)
            yield
    finally:
        for one in heard:
            if not any(part in str(one.message) for part in parts):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _signature() -> Any:
    """What may be said besides the readings; MLflow drops parameters that it does not know."""
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec

    return ModelSignature(
        params=ParamSchema(
            [
                ParamSpec("last_time", DataType.string, ""),
                ParamSpec("last_step", DataType.long, -1),
            ]
        )
    )


@contextmanager
def _store(uri: str) -> Iterator[None]:
    """Let MLflow's calls go to a store inside the block: tracking, and registry unless it has one.

    MLflow keeps both in globals and, so that child processes agree, in the environment; the
    registry of an earlier store stays in use unless another is set.
    """
    import mlflow

    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    environment = {name: os.environ.get(name) for name in names}
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(environment["MLFLOW_REGISTRY_URI"] or uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before[0])
        # None: the registry follows the tracking URI again, unless it was another one before.
        mlflow.set_registry_uri(None if before[1] == before[0] else before[1])
        for name, value in environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
