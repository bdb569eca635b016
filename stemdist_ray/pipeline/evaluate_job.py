"""Compare a distilled data set with what a user would do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.generation import EVALUATION, generation
from stemdist_ray.artifact.judged import write_judged
from stemdist_ray.baselines.rows import Material
from stemdist_ray.comparison.compare import Cell, Comparison
from stemdist_ray.comparison.passes import series_parts
from stemdist_ray.comparison.rows import RowResult
from stemdist_ray.comparison.table import Evaluation
from stemdist_ray.comparison.train_row import ComparisonData, scored_starts
from stemdist_ray.comparison.wanted import check_rows, wanted_rows
from stemdist_ray.config import DataConfig, DistillConfig
from stemdist_ray.data.prepared import PreparedSource, Source
from stemdist_ray.data.streaming import Streamer, opened_source
from stemdist_ray.errors import ConfigError
from stemdist_ray.evaluation.metrics import METRIC_NAMES
from stemdist_ray.execution.devices import worker_device
from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.ledger import Execution
from stemdist_ray.execution.select import OnDemand, open_executor
from stemdist_ray.forecasters import check_forecaster
from stemdist_ray.pipeline.folders import owned
from stemdist_ray.pipeline.given_graph import check_graph, with_given_graph
from stemdist_ray.pipeline.stream_task import streaming_by
from stemdist_ray.pipeline.track import ended
from stemdist_ray.progress import Reporter, SilentReporter, kept_up, stage_from_now, warnings_to
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.outputs import why_not_writable
from stemdist_ray.system.points import reached
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.mlflow import run_tracker, tracking_uri


def evaluate(
    artifact: str | Path | SyntheticDataset,
    source: Source | PreparedSource,
    config: DistillConfig | None = None,
    *,
    full_data: bool = False,
    reporter: Reporter | None = None,
    executor: Executor | None = None,
) -> Evaluation:
    """Train forecasters on the distilled data and on the alternatives, and compare.

    Args:
        artifact: Folder written by ``distill``, or a loaded data set. For a folder the result is
            also written to ``evaluation.json`` inside and tracked.
        source: The real series it was distilled from (or a later edition of it).
        config: Only ``forecaster``, ``evaluation``, ``seed``, ``worker`` and ``tracking`` are
            used; the data settings are the artifact's. None = all of them the artifact's.
        full_data: Also train on all data until validation stops improving.
        reporter: Told of progress; silent when None.
        executor: Runs the tasks and stays open, for several jobs in a row; None = one of its own,
            as ``config.worker`` says.

    Raises:
        ArtifactError: The folder is not a complete artifact.
        DataError: The source cannot be read.
        ConfigError: The source is not the one the artifact was made from.
    """
    reporter = reporter or SilentReporter()
    with (
        opened_comparison(artifact, source, config, reporter, executor) as work,
        PeakMemory() as memory,
    ):
        forecaster = work.config.forecaster
        wanted = wanted_rows(full_data, work.config.evaluation)
        cells = [Cell(forecaster, track, row) for track in work.tracks for row in wanted]
        found, naive = work.comparison.run(cells)
        for outcome in found.values():
            if isinstance(outcome, Exception):
                raise outcome
        rows = {key: row for key, row in found.items() if isinstance(row, RowResult)}
        tracks = {
            track: {name: row for (_, own, name), row in rows.items() if own == track}
            for track in work.tracks
        }
        result = Evaluation(
            tracks=tracks,
            naive=naive,
            forecaster=work.config.forecaster.name,
            protocol=work.config.evaluation.protocol,
            seed=work.config.seed,
            peak_rss_mib=memory.peak_mib,
            distill_seconds=work.dataset.manifest.distill_seconds(),
            graph=work.graph,
            zero_shot=work.config.evaluation.zero_shot,
        )
        if work.folder is not None:
            table = work.write(EVALUATION, result.to_json())
            track_evaluation(work, table, result.every_row(), result.forecaster)
    return result


@dataclass(frozen=True)
class EvaluationWork:
    """What an evaluation works on.

    Args:
        folder: The artifact's, None for a loaded data set or one that cannot be written to.
        dataset: The distilled data.
        config: Forecaster, budget, seed, tracking.
        comparison: Trains the rows.
        tracks: That are compared, the default one first.
        judged: Which data set it is: the sha256 of its manifest.
        executed: Tells who ran what where so far.
    """

    folder: Path | None
    dataset: SyntheticDataset
    config: DistillConfig
    comparison: Comparison
    tracks: tuple[str, ...]
    judged: str | None = None
    executed: Callable[[], tuple[Execution, ...]] = tuple

    def write(self, name: str, tree: Mapping[str, Any]) -> Path:
        """Write a table beside the data set; returns where."""
        assert self.folder is not None
        reached("evaluation computed")
        executions = [asdict(record) for record in self.executed()]
        write_judged(self.folder / name, {**tree, "executions": executions}, self.judged)
        reached("evaluation written")
        return self.folder / name

    @property
    def graph(self) -> str | None:
        """What the given graph is, None where none was given."""
        graph = self.comparison.data.material.source.windows.graph
        return None if graph is None else graph.about


@contextmanager
def opened_comparison(
    artifact: str | Path | SyntheticDataset,
    source: Source | PreparedSource,
    config: DistillConfig | None,
    reporter: Reporter,
    executor: Executor | None = None,
    forecasters: Sequence[str] | None = None,
) -> Iterator[EvaluationWork]:
    """Read artifact and source and make ready to train; see :func:`evaluate`.

    ``forecasters`` are the evaluators, by name; None = the one of the settings.
    """
    if isinstance(artifact, SyntheticDataset):
        with _opened(None, artifact, None, source, config, reporter, executor, forecasters) as work:
            yield work
        return
    folder = Path(artifact)
    if not folder.is_dir():
        SyntheticDataset.load(folder)  # says what is wrong with it
    with owned(folder) as reason:
        dataset, judged = SyntheticDataset.load(folder), generation(folder)
        if reason is not None:
            reporter.say(
                f"{folder} cannot be written to ({reason}): the table is not written there, nor "
                "tracked; --json PATH writes it elsewhere"
            )
        kept = folder if reason is None else None
        with _opened(
            kept, dataset, judged, source, config, reporter, executor, forecasters
        ) as work:
            yield work


@contextmanager
def _opened(
    folder: Path | None,
    dataset: SyntheticDataset,
    judged: str | None,
    source: Source | PreparedSource,
    config: DistillConfig | None,
    reporter: Reporter,
    executor: Executor | None,
    forecasters: Sequence[str] | None,
) -> Iterator[EvaluationWork]:
    config = config or dataset.config
    check_forecaster(config.forecaster)
    check_rows(config.evaluation)
    check_graph(config.evaluation, forecasters or [config.forecaster.name], reporter)
    if config.tracking.enabled and folder is not None:
        tracking_uri(config.tracking, folder)  # a password that is missing is said before training
    # Coordinates play no part here, and their file may be elsewhere by now.
    data_config = dataset.config.data.model_copy(update={"locations_file": None})
    threads = config.worker.coordinator_threads
    name = "" if folder is None else folder.name
    say, given = warnings_to(reporter), executor

    def workers() -> AbstractContextManager[Executor]:
        return open_executor(None, config.worker, TRAININGS, given, name=name, say=say)

    with (
        torch_threads(threads),
        kept_up(reporter, stage_from_now("evaluating")) as pulse,
        OnDemand(workers) as on_demand,
        _opened_source(
            source, data_config, config.streaming, folder, reporter, streaming_by(on_demand)
        ) as whole,
    ):
        pulse.standing = on_demand.standing
        check_fits(dataset, whole, reporter)
        prepared = whole.with_rules(dataset.rule.calendar, dataset.rule.season)
        prepared = with_given_graph(prepared, config.evaluation, reporter)
        executor = on_demand()
        executor.share(prepared)
        scored = scored_starts(prepared, config.evaluation)
        parts = series_parts(dataset.fitted_base, threads, executor, scored)
        material = Material(
            source=prepared,
            x=dataset.x,
            y=dataset.y,
            clustering=dataset.clustering,
            mean_window=parts.mean_window,
            config=config.evaluation,
            device=worker_device(config),
            known=dataset.known,
            base=parts.base,
            teacher=dataset.teacher,
            teacher_base=parts.base,
        )
        data = ComparisonData.of(material, parts.statistics)
        executor.share(data)
        comparison = Comparison(data, executor, config.seed, config.worker.threads, pulse)
        tracks = _tracks(parts.base is not None, config.evaluation.tracks)
        yield EvaluationWork(
            folder, dataset, config, comparison, tracks, judged, on_demand.executed
        )


@contextmanager
def _opened_source(
    source: Source | PreparedSource,
    config: DataConfig,
    streaming: bool,
    folder: Path | None,
    reporter: Reporter,
    stream: Streamer,
) -> Iterator[PreparedSource]:
    """The prepared series; files of a streamed one lie beside the data set where that can be.

    A data set that was distilled from a stream may be judged by a series that is at hand.
    """
    streaming = streaming and isinstance(source, str | Path)
    with ExitStack() as stack:
        if streaming and (folder is None or why_not_writable(folder.absolute().parent)):
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="stemdist-"))) / "evaluate"
        near = folder or Path("unused")  # what is in memory needs no files
        yield stack.enter_context(opened_source(source, config, streaming, near, reporter, stream))


TRAININGS = 64  # trainings of an evaluation at a time; more workers would hardly ever be busy


def _tracks(has_base: bool, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The tracks that are asked for and possible; without a base there is but one."""
    possible = ("with_base", "network_alone") if has_base else ("network_alone",)
    return tuple(track for track in possible if track in wanted) or possible


def check_fits(dataset: SyntheticDataset, source: PreparedSource, reporter: Reporter) -> None:
    """Make sure that a series is what a data set was distilled from.

    Raises:
        ConfigError: It has other locations or features. Changed readings are allowed, and said.
    """
    about, origin = source.description, dataset.manifest.source
    if source.location_ids != dataset.location_ids:
        raise ConfigError(
            f"{about.source} has {len(source.location_ids)} locations that are not those the "
            f"data set was distilled from ({len(dataset.location_ids)} of {origin.source}); "
            "evaluate with that source"
        )
    if about.features != dataset.rule.feature_names:
        raise ConfigError(
            f"{about.source} has the features {list(about.features)}, the data set was distilled "
            f"from {list(dataset.rule.feature_names)}; distil again (covariates were features in "
            "releases before this)"
        )
    if about.hash != origin.hash:
        reporter.say(
            f"note: the readings of {about.source} have changed since distilling; "
            "test windows may have been train windows then"
        )


def track_evaluation(
    work: EvaluationWork, table: Path, rows: Mapping[str, RowResult], forecaster: str
) -> None:
    """Log test metrics per row, and the table's file, to a run under the data set's own."""
    assert work.folder is not None
    config, manifest = work.config, work.dataset.manifest
    tracker = run_tracker(config.tracking, work.folder)
    evaluation = config.evaluation.model_dump(mode="json")
    tracker.start(
        RunDescription(
            name=f"{work.folder.name} evaluation",
            params={"forecaster": forecaster, "seed": config.seed, **evaluation},
            tags={"stemdist.job": "evaluate", "stemdist.source": manifest.source.source},
            parent_run_id=manifest.tracking_run_id,
        )
    )
    with ended(tracker):
        for name, row in rows.items():
            numbers = {f"{name}.{m}": row.test.values[m]["mean"] for m in METRIC_NAMES}
            tracker.log_metrics(numbers)
        tracker.log_artifact(table)
