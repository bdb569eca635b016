"""MLflow behind the tracker protocol. This is the only module that imports mlflow."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stemdist_ray.config import TrackingConfig
from stemdist_ray.system.outputs import sqlite_uri
from stemdist_ray.tracking.base_class import NullTracker, RunDescription, Tracker

logger = logging.getLogger(__name__)

_RETRY_AFTER = 30.0  # seconds between tries while the store is down
_LONGEST_VALUE = 6000  # characters MLflow accepts per parameter
_PARAMS_PER_CALL = 100


def tracking_uri(config: TrackingConfig, runs_folder: Path) -> str:
    """Resolve the tracking URI: configuration, environment, else ``mlflow.db`` beside the runs."""
    uri = config.uri or os.environ.get("MLFLOW_TRACKING_URI")
    return uri or sqlite_uri(runs_folder / "mlflow.db")


def create_tracker(config: TrackingConfig, runs_folder: Path) -> Tracker:
    """Build the tracker a configuration asks for.

    Args:
        config: Store and experiment.
        runs_folder: The folder that holds the run folders; a local store lives there.
    """
    if not config.enabled:
        return NullTracker()
    uri = tracking_uri(config, runs_folder)
    local = uri.startswith("sqlite:")
    artifacts = (runs_folder / "mlartifacts").absolute().as_uri() if local else None
    if local:
        runs_folder.mkdir(parents=True, exist_ok=True)
    return MlflowTracker(uri, config.experiment, artifacts)


class MlflowTracker:
    """Writes one run to an MLflow store.

    Every call is queued and delivered in order. When the store cannot be
    reached this is reported once; the queue is tried again later and at the
    end, and the run goes on in any case.

    Args:
        uri: Tracking URI.
        experiment: Experiment name; created when missing.
        artifact_root: Where a new experiment keeps artifacts, None = the server decides.
    """

    def __init__(self, uri: str, experiment: str, artifact_root: str | None) -> None:
        self.uri, self.experiment, self.artifact_root = uri, experiment, artifact_root
        self.run_id: str | None = None
        self._client: Any = None
        self._queue: deque[Callable[[], None]] = deque()
        self._next_try = 0.0
        self._reported = False

    def start(self, run: RunDescription) -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""
        self._submit(lambda: self._open_run(run))
        if run.existing_run_id is None:
            items = list(run.params.items())
            for first in range(0, len(items), _PARAMS_PER_CALL):
                self._submit(partial(self._params, items[first : first + _PARAMS_PER_CALL]))
            if run.dataset:
                self._submit(lambda: self._dataset(run.dataset))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`; leaves out what is not finite."""
        known = {k: float(v) for k, v in metrics.items() if v is not None and math.isfinite(v)}
        when = int(time.time() * 1000)
        self._submit(lambda: self._metrics(known, when, step or 0))

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""

        def send() -> None:
            log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
            log(self.run_id, str(path), folder or None)

        self._submit(send)

    def finish(self, status: str) -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""
        self._next_try = 0.0
        self._submit(lambda: self._client.set_terminated(self.run_id, status))
        if self._queue:
            logger.warning(
                "MLflow at %s stayed out of reach: %d records were not delivered; "
                "all results are on disk",
                self.uri,
                len(self._queue),
            )

    def _submit(self, call: Callable[[], None]) -> None:
        self._queue.append(call)
        if time.monotonic() < self._next_try:
            return
        while self._queue:
            try:
                self._queue[0]()
            except Exception as error:  # noqa: BLE001 - whatever the store raises, the run goes on
                self._outage(error)
                return
            self._queue.popleft()

    def _outage(self, error: Exception) -> None:
        self._next_try = time.monotonic() + _RETRY_AFTER
        if not self._reported:
            self._reported = True
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            logger.warning("MLflow at %s cannot be written (%s); going on", self.uri, reason)

    def _open_run(self, run: RunDescription) -> None:
        # A dead server must cost seconds, not MLflow's default of many minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow.store").setLevel(logging.WARNING)
        client = MlflowClient(tracking_uri=self.uri)
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            experiment = client.create_experiment(self.experiment, self.artifact_root)
        else:
            experiment = found.experiment_id
        self._client = client
        if run.existing_run_id is not None:
            try:
                client.update_run(run.existing_run_id, status="RUNNING")
                self.run_id = run.existing_run_id
                return
            except MlflowException:
                logger.info("run %s is not in this store; starting another", run.existing_run_id)
        tags = {"mlflow.runName": run.name, **run.tags}
        if run.parent_run_id is not None:
            tags["mlflow.parentRunId"] = run.parent_run_id
        self.run_id = client.create_run(experiment, tags=tags).info.run_id

    def _params(self, items: list[tuple[str, Any]]) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)[:_LONGEST_VALUE]) for name, value in items]
        self._client.log_batch(self.run_id, params=params)

    def _metrics(self, metrics: Mapping[str, float], when: int, step: int) -> None:
        from mlflow.entities import Metric

        entities = [Metric(name, value, when, step) for name, value in metrics.items()]
        self._client.log_batch(self.run_id, metrics=entities)

    def _dataset(self, dataset: Mapping[str, Any]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name=str(dataset["name"])[:500],
            digest=str(dataset["digest"])[:36],
            source_type="local",
            source=json.dumps({"uri": str(dataset["source"])}),
            profile=json.dumps(dataset["profile"]),
        )
        context = InputTag("mlflow.data.context", "distillation")
        self._client.log_inputs(self.run_id, datasets=[DatasetInput(entity, [context])])
