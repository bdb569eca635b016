"""Train a forecaster for use: on a source or on its distilled data, then test and register it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.generation import set_aside
from stemdist_ray.artifact.trained import TrainedForecaster, trained_hash
from stemdist_ray.config import TrainConfig, flatten
from stemdist_ray.data.prepared import PreparedSource, Source
from stemdist_ray.data.streaming import opened_source
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Metrics, Summary
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.execution.devices import worker_device
from stemdist_ray.forecasters import build_forecaster, check_forecaster
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase, fit_base
from stemdist_ray.forecasters.closed_form.live import InputRule
from stemdist_ray.pipeline.evaluate_job import check_fits
from stemdist_ray.pipeline.folders import RunFolder
from stemdist_ray.pipeline.given_graph import check_graph, with_given_graph
from stemdist_ray.pipeline.register import check_register, register
from stemdist_ray.pipeline.track import dataset_of, ended, job_tags, remember_run, remembered_run
from stemdist_ray.pipeline.write_artifact import with_fitted_base
from stemdist_ray.progress import Reporter, SilentReporter, kept_up, stage_from_now
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.files import sweep
from stemdist_ray.system.outputs import check_local
from stemdist_ray.system.points import reached
from stemdist_ray.system.seal import write_sealed
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.tracking.base_class import RunDescription, Tracker
from stemdist_ray.tracking.mlflow import run_tracker
from stemdist_ray.training.group import LocalGroup, load_state
from stemdist_ray.training.loop import TrainingLoop, TrainingWork
from stemdist_ray.training.work import DistilledWindows, training_work

MODEL, RECORD, CHECKPOINTS = "model", "training.json", "checkpoints"


@dataclass(frozen=True)
class TrainResult:
    """What a training gave.

    Args:
        path: The output folder; the forecaster is in ``model/``.
        forecaster: The trained forecaster.
        test: Metrics on the test split.
        validation: Relative RMSE on the validation windows, at the epoch kept.
        best_epoch: The epoch kept.
        history: (epoch, validation relative RMSE) of every validation.
        train_seconds: In training steps.
        run_id: Tracking run, None where nothing was tracked.
        model_uri: Of the registered model, None where none was.
    """

    path: Path
    forecaster: TrainedForecaster
    test: Metrics
    validation: float
    best_epoch: int
    history: tuple[tuple[int, float], ...]
    train_seconds: float
    run_id: str | None
    model_uri: str | None


def train_forecaster(
    source: Source | PreparedSource,
    out: str | Path,
    config: TrainConfig | None = None,
    *,
    distilled: str | Path | None = None,
    register_as: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> TrainResult:
    """Train a forecaster, keep the epoch that validates best, test it once.

    Args:
        source: The real series: what is forecast, and what validates and tests.
        out: Output folder; checkpoints live there while the training goes on.
        config: Settings; with ``distilled`` the data settings are those of the data set.
        distilled: Folder of a distilled data set to train on; None = all train windows.
        register_as: Name in MLflow's model registry; None = not registered.
        resume: Go on from the last checkpoint in ``out``, or start where there is none yet.
        overwrite: Move an existing ``out`` aside to ``<out>.previous`` first.
        reporter: Told of progress; silent when None.

    Raises:
        DataError, ConfigError, ArtifactError: The input or the folder cannot be used.
        ExecutionError, DivergenceError: Workers were lost; no validation error was finite.
    """
    check_local(out)
    folder, reporter = Path(out), reporter or SilentReporter()
    config = config or TrainConfig()
    check_forecaster(config.forecaster)
    check_graph(config.training, [config.forecaster.name], reporter)
    worker_device(config)
    check_register(config, register_as)
    dataset = None if distilled is None else SyntheticDataset.load(distilled)
    if dataset is not None:
        data_config = dataset.config.data.model_copy(update={"locations_file": None})
        # Without a base in the data set, or where none is asked for, networks forecast alone.
        base = "none" if config.base == "none" else dataset.config.base
        config = config.model_copy(update={"data": data_config, "base": base})
    with (
        training_folder(folder, resume=resume, overwrite=overwrite) as run,
        opened_source(source, config.data, config.streaming, folder, reporter) as prepared,
    ):
        run.say_if_anew(reporter)
        if dataset is not None:
            check_fits(dataset, prepared, reporter)
            prepared = prepared.with_rules(dataset.rule.calendar, dataset.rule.season)
        prepared = with_given_graph(prepared, config.training, reporter)
        with kept_up(reporter, stage_from_now("training")) as pulse:
            return _train(prepared, run, config, dataset, distilled, register_as, pulse)


def training_folder(folder: Path, *, resume: bool, overwrite: bool) -> RunFolder:
    """The output folder of a training, to be owned while it runs."""
    return RunFolder(folder, CHECKPOINTS, has_training, resume=resume, overwrite=overwrite)


def has_training(folder: Path) -> bool:
    """Whether a folder holds a training that can be gone on with."""
    return any((folder / CHECKPOINTS).rglob("state.pt"))


def _train(
    source: PreparedSource,
    out: RunFolder,
    config: TrainConfig,
    dataset: SyntheticDataset | None,
    distilled: str | Path | None,
    register_as: str | None,
    reporter: Reporter,
) -> TrainResult:
    folder, windows = out.folder, None
    with torch_threads(config.worker.threads):
        fitted = _base(source, config, dataset)
    source = with_fitted_base(source, fitted)
    if dataset is not None:
        targets = dataset.y if fitted is None else dataset.residual()
        graph = source.windows.graph
        if graph is not None:
            graph = graph.of_clusters(dataset.clustering.assignment)
        windows = DistilledWindows(
            dataset.inputs(),
            targets,
            dataset.clustering.loss_weights,
            graph,
            dataset.known.weights,
        )
    work = training_work(config, source, windows, _hash(source, windows))
    out.make()
    tracker = run_tracker(config.tracking, folder)
    existing = remembered_run(folder) if out.resumes else None
    with torch_threads(config.worker.threads), ended(tracker):
        tracker.start(_describe(folder, config, source, distilled, existing))
        remember_run(folder, tracker)
        reporter.say(f"training {config.forecaster.name} on {_what(source, dataset)}")
        begun = time.perf_counter()
        reached("training begun")
        state = _run(work, config, folder / CHECKPOINTS, reporter)
        reached("training done")
        result = _finish(folder, config, source, work, fitted, state, tracker)
        reporter.say(
            f"epoch {result.best_epoch} of {state['epoch']} kept, validation relative RMSE "
            f"{result.validation:.4f}, test {result.test.relative_rmse:.4f}; "
            f"{time.perf_counter() - begun:.0f} s"
        )
        uri = register(folder / MODEL, config, result.test.relative_rmse, tracker, register_as)
    return TrainResult(**{**vars(result), "model_uri": uri})


def _base(
    source: PreparedSource, config: TrainConfig, dataset: SyntheticDataset | None
) -> FittedBase | None:
    """The base of a training: that of the distilled data, or one fitted on the source."""
    if config.base == "none":
        return None
    if dataset is None:
        return fit_base(source, config.base, config.seed, threads=config.worker.threads)
    return dataset.fitted_base


def _hash(source: PreparedSource, distilled: DistilledWindows | None) -> str:
    """Of all readings that a training uses."""
    digest = hashlib.blake2b(source.description.hash.encode(), digest_size=16)
    if distilled is not None:
        digest.update(distilled.x.tobytes())
        digest.update(distilled.y.tobytes())
        if distilled.window_weights is not None:
            digest.update(distilled.window_weights.tobytes())
    return digest.hexdigest()


def _run(
    work: TrainingWork, config: TrainConfig, checkpoints: Path, reporter: Reporter
) -> dict[str, Any]:
    if config.worker.num_workers > 0:
        from stemdist_ray.execution.ray_train import train_on_ray

        return train_on_ray(work, config.worker, checkpoints, reporter.say)
    checkpoints.mkdir(exist_ok=True)
    sweep(checkpoints)
    path = checkpoints / "state.pt"
    TrainingLoop(work, LocalGroup(path), worker_device(config)).run()
    return load_state(path)


def _finish(
    folder: Path,
    config: TrainConfig,
    source: PreparedSource,
    work: TrainingWork,
    fitted: FittedBase | None,
    state: dict[str, Any],
    tracker: Tracker,
) -> TrainResult:
    """Build the best model, test it, write it down."""
    model = build_forecaster(config.forecaster, work.shape)
    model.load_state_dict(state["best_weights"])
    test = score_forecaster(
        model, EvaluationWindows.of(source, source.starts["test"]), work.mean_window
    )
    history = tuple((int(epoch), float(error)) for epoch, error in state["history"])
    best_epoch = int(state["best_epoch"])
    trained = TrainedForecaster(
        model=model.eval(),
        config=config.forecaster,
        rule=InputRule.of(source),
        mean_window=work.mean_window,
        location_ids=source.location_ids,
        unit=source.target_unit,
        base=fitted,
        graph=source.windows.graph,
    )
    set_aside(folder, RECORD)  # it is about the forecaster before
    trained.save(folder / MODEL)
    reached("forecaster written")
    result = TrainResult(
        path=folder,
        forecaster=trained,
        test=test,
        validation=dict(history)[best_epoch],
        best_epoch=best_epoch,
        history=history,
        train_seconds=float(state["seconds"]),
        run_id=tracker.run_id,
        model_uri=None,
    )
    write_sealed(folder / RECORD, _record(result, config, source))
    reached("training recorded")
    for epoch, error in history:
        tracker.log_metrics({"validation_relative_rmse": error}, step=epoch)
    tracker.log_metrics({f"test.{name}": getattr(test, name) for name in METRIC_NAMES})
    tracker.log_metrics({"best_epoch": best_epoch, "train_seconds": result.train_seconds})
    tracker.log_artifact(folder / RECORD)
    return result


def _record(result: TrainResult, config: TrainConfig, source: PreparedSource) -> dict[str, Any]:
    graph = source.windows.graph
    return {
        **({} if graph is None else {"graph": graph.about}),
        "source": source.description.to_json(),
        "model": trained_hash(result.path / MODEL),
        "test": Summary.of([result.test]).to_json(),
        "validation_relative_rmse": result.validation,
        "best_epoch": result.best_epoch,
        "history": [list(pair) for pair in result.history],
        "train_seconds": result.train_seconds,
        "config": config.model_dump(mode="json"),
        "versions": package_versions(),
        "hardware": hardware(),
    }


def _describe(
    folder: Path,
    config: TrainConfig,
    source: PreparedSource,
    distilled: str | Path | None,
    existing: str | None,
) -> RunDescription:
    tags = job_tags("train", source.description)
    if distilled is not None:
        tags["stemdist.distilled"] = str(distilled)
    return RunDescription(
        name=folder.name,
        params=flatten(config.model_dump(mode="json")),
        tags=tags,
        dataset=dataset_of(source.description),
        existing_run_id=existing,
    )


def _what(source: PreparedSource, dataset: SyntheticDataset | None) -> str:
    name = source.description.source
    if dataset is None:
        return f"all train windows of {name}"
    windows, _, locations, _ = dataset.x.shape
    return f"{windows} windows x {locations} locations distilled from {name}"
