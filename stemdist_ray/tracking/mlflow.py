"""MLflow as a store of runs, and the tracker that a configuration asks for."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemdist_ray.config import TrackingConfig
from stemdist_ray.config.secrets import reveal
from stemdist_ray.system.outputs import sqlite_uri
from stemdist_ray.tracking.base_class import NullTracker, Tracker
from stemdist_ray.tracking.delivery import Courier, Refused
from stemdist_ray.tracking.journal import Address, Record
from stemdist_ray.tracking.probe import check_answers
from stemdist_ray.tracking.queued import QueuedTracker

logger = logging.getLogger(__name__)

REFERENCE = "stemdist.reference"  # tag by which a run is found again
_LONGEST_VALUE = 6000  # characters MLflow accepts per parameter
_PARAMS_PER_CALL = 100
_REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE")
_couriers: dict[Address, Courier] = {}


def tracking_uri(config: TrackingConfig, runs_folder: Path) -> str:
    """Resolve the tracking URI: configuration, environment, else ``mlflow.db`` beside the runs.

    It may hold a password: hand it to MLflow, but to no file, log or argument.

    Raises:
        ConfigError: The configuration's had one, which is not known any more.
    """
    uri = config.uri or os.environ.get("MLFLOW_TRACKING_URI")
    return reveal(uri) if uri else sqlite_uri(runs_folder / "mlflow.db")


def create_tracker(
    config: TrackingConfig, runs_folder: Path, folder: Path | None = None
) -> Tracker:
    """Build the tracker a configuration asks for.

    Args:
        config: Store and experiment.
        runs_folder: The folder that holds the run folders; a local store lives there.
        folder: Of the run; what cannot be delivered waits there.

    Raises:
        ConfigError: The password of the store is not known any more.
    """
    if not config.enabled:
        return NullTracker()
    uri = tracking_uri(config, runs_folder)
    local = uri.startswith("sqlite:")
    artifacts = (runs_folder / "mlartifacts").absolute().as_uri() if local else None
    if local:
        runs_folder.mkdir(parents=True, exist_ok=True)
    address = Address(uri, config.experiment, artifacts)
    # One for all runs of a process: a child comes after its parent.
    if address not in _couriers:
        _couriers[address] = Courier(MlflowStore(address))
    return QueuedTracker(_couriers[address], address, folder, config.system_metrics)


def run_tracker(config: TrackingConfig, folder: Path) -> Tracker:
    """Build the tracker of the run in a folder; what cannot be delivered waits there.

    Raises:
        ConfigError: The password of the store is not known any more.
    """
    return create_tracker(config, folder.absolute().parent, folder)


class MlflowStore:
    """Delivers records to MLflow, one by one.

    Args:
        address: URI with its credentials, and experiment, which is created when missing.
    """

    def __init__(self, address: Address) -> None:
        self.uri, self._address = address.uri, address
        self._client: Any = None
        self._experiment = ""
        self._runs: dict[str, str] = {}  # reference -> MLflow's identifier

    @property
    def fresh(self) -> bool:
        """Whether it was not reached yet."""
        return self._client is None

    def check(self) -> None:
        """See :class:`stemdist_ray.tracking.delivery.Store`."""
        check_answers(self.uri)

    def run_id(self, reference: str) -> str | None:
        """See :class:`stemdist_ray.tracking.delivery.Store`."""
        return self._runs.get(reference)

    def load(self) -> None:
        """See :class:`stemdist_ray.tracking.delivery.Store`."""
        # A dead server must cost seconds, not MLflow's default of many minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow.tracking  # noqa: F401

    def deliver(self, record: Record, again: bool) -> None:
        """Deliver one record.

        Args:
            record: What happened.
            again: An earlier try may have got through, so look before a run is made.

        Raises:
            Refused: MLflow will never take it.
        """
        self.load()
        from mlflow.exceptions import MlflowException

        self._connect()
        try:
            if record.call == "start":
                self._start(record, again)
            else:
                getattr(self, f"_{record.call}")(self._known(record.run), record.data)
        except MlflowException as error:
            if error.error_code in _REFUSED:
                raise Refused(str(error).strip().splitlines()[0]) from error
            raise

    def _connect(self) -> None:
        if self._client is not None:
            return
        from mlflow.tracking import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow.store").setLevel(logging.WARNING)
        client, address = MlflowClient(tracking_uri=self.uri), self._address
        found = client.get_experiment_by_name(address.experiment)
        if found is None:
            made = client.create_experiment(address.experiment, address.artifact_root)
        self._experiment = made if found is None else found.experiment_id
        self._client = client

    def _known(self, reference: str) -> str:
        if reference not in self._runs:
            found = self._find(reference)
            if found is None:
                raise Refused(f"its run {reference} was never begun")
            self._runs[reference] = found
        return self._runs[reference]

    def _find(self, reference: str) -> str | None:
        """MLflow's identifier of a run, given by that or by a reference of ours."""
        from mlflow.exceptions import MlflowException

        if not re.fullmatch(r"[\w-]+", reference):
            return None
        if reference in self._runs:
            return self._runs[reference]
        if not reference.startswith("ref-"):
            try:
                return str(self._client.get_run(reference).info.run_id)
            except MlflowException as error:
                if error.error_code not in _REFUSED:
                    raise
        named = f"tags.`{REFERENCE}` = '{reference}'"
        runs = self._client.search_runs([self._experiment], named, max_results=1)
        return str(runs[0].info.run_id) if runs else None

    def _start(self, record: Record, again: bool) -> None:
        run, client = record.data, self._client
        existing = run["existing_run_id"]
        found = self._find(record.run) if existing is not None or again else None
        if found is not None:
            client.update_run(found, status="RUNNING")
        else:
            if existing is not None:
                logger.info("run %s is not in this store; starting another", existing)
            tags = {"mlflow.runName": run["name"], **run["tags"], REFERENCE: record.run}
            parent = run["parent_run_id"] and self._find(run["parent_run_id"])
            if parent:
                tags["mlflow.parentRunId"] = parent
            made = client.create_run(self._experiment, start_time=run["when"], tags=tags)
            found = made.info.run_id
        self._runs[record.run] = self._runs[found] = found
        if existing is None:
            self._params(found, run["params"])
            if run["dataset"]:
                self._dataset(found, run["dataset"])

    def _params(self, run_id: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        items = [Param(name, str(value)[:_LONGEST_VALUE]) for name, value in params.items()]
        for first in range(0, len(items), _PARAMS_PER_CALL):
            self._client.log_batch(run_id, params=items[first : first + _PARAMS_PER_CALL])

    def _dataset(self, run_id: str, dataset: Mapping[str, Any]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name=str(dataset["name"])[:500],
            digest=str(dataset["digest"])[:36],
            source_type="local",
            source=json.dumps({"uri": str(dataset["source"])}),
            profile=json.dumps(dataset["profile"]),
        )
        context = InputTag("mlflow.data.context", "distillation")
        self._client.log_inputs(run_id, datasets=[DatasetInput(entity, [context])])

    def _metrics(self, run_id: str, data: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric

        entities = [Metric(n, v, data["when"], data["step"]) for n, v in data["values"].items()]
        self._client.log_batch(run_id, metrics=entities)

    def _artifact(self, run_id: str, data: Mapping[str, Any]) -> None:
        path = Path(data["path"])
        if not path.exists():
            raise Refused(f"{path} is not there any more")
        log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        log(run_id, str(path), data["folder"] or None)

    def _finish(self, run_id: str, data: Mapping[str, Any]) -> None:
        self._client.set_terminated(run_id, data["status"], data["when"])
