"""Rank configurations by training on small data, and hold that against training on everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.rank_files import RankStore
from stemdist_ray.comparison.ranking.cells import (
    DISTILLED,
    EQUAL_SECONDS,
    FULL,
    SAMPLED,
    Cell,
    CellKey,
    CellTask,
    equal_seconds_epochs,
    look_of,
    row_of,
    run_cell,
)
from stemdist_ray.comparison.ranking.configurations import Configuration, configurations_of
from stemdist_ray.comparison.ranking.result import Ranking, rank_all
from stemdist_ray.config import DistillConfig, EvaluationConfig, RankConfig, flatten, merge_layers
from stemdist_ray.data.prepared import PreparedSource, Source
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.executor import Executor
from stemdist_ray.pipeline.evaluate_job import EvaluationWork, opened_comparison
from stemdist_ray.pipeline.track import ended
from stemdist_ray.progress import Reporter, SilentReporter
from stemdist_ray.seeding import derive_seed
from stemdist_ray.system.dependencies import need
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.mlflow import run_tracker

# A ranking trains hundreds of models: by default each for as many steps as a search would spend.
# A quarter of them ranked the rates, not the models: of 24 configurations on METR-LA, Spearman's
# correlation was 0.48 after 100 steps and 0.83 after 400.
RANK_DEFAULTS: Mapping[str, Any] = {
    "evaluation": {"epochs": 100, "repeats": 1, "protocol": "fair"},
}
# What an evaluation has and a ranking does not ask for: rates are those of the configurations.
UNUSED = ("learning_rate", "rate_factors", "curve", "tracks", "protocol")


def rank_settings(config: DistillConfig) -> DistillConfig:
    """The settings of a data set, with the budget that rankings have by default."""
    tree = merge_layers(config.model_dump(mode="json"), RANK_DEFAULTS)
    return DistillConfig.model_validate(tree)


def rank(
    artifact: str | Path | SyntheticDataset,
    source: Source | PreparedSource,
    ranking: RankConfig | None = None,
    config: DistillConfig | None = None,
    *,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    executor: Executor | None = None,
) -> Ranking:
    """Train many configurations on distilled data, on its rivals and fully; compare the orders.

    Args:
        artifact: Folder written by ``distill``, or a loaded data set. In a folder every training is
            kept in ``rank/cells`` as it ends and never done again, the result is written to
            ``rank/`` and tracked.
        source: The real series it was distilled from.
        ranking: Configurations, what ranks them, and the track; None = 24 that are built in.
        config: Of ``evaluation`` the epochs, repeats and budget of full training, ``seed``,
            ``worker``, ``streaming`` and ``tracking`` are used. None = those of the artifact, with
            100 epochs and one repeat.
        overwrite: Move an earlier ranking aside to ``rank.previous`` and begin anew.
        reporter: Told of progress; silent when None.
        executor: Runs the trainings and stays open; None = one of its own, as ``config.worker``
            says.

    Raises:
        ArtifactError: The folder is not a complete artifact, or a file of a ranking is damaged.
        DataError: The source cannot be read.
        ConfigError: The source is not the one the artifact was made from, a configuration cannot
            be used, or trainings were kept with other settings.
        DependencyError: The extra ``report`` is not installed.
    """
    need("the figure of a ranking", "report", "matplotlib")
    reporter, ranking = reporter or SilentReporter(), ranking or RankConfig()
    configurations = configurations_of(ranking)
    for name in ranking.trained_on:
        row_of(name)
    if config is None:
        loaded = artifact if isinstance(artifact, SyntheticDataset) else None
        config = rank_settings((loaded or SyntheticDataset.load(Path(str(artifact)))).config)
    if config.evaluation.protocol != "fair":
        raise ConfigError(
            "a ranking trains on all data for as many steps (evaluation.protocol fair); found "
            f"{config.evaluation.protocol}"
        )
    # The surrogate of the data set plays no part.
    config = config.model_copy(update={"forecaster": configurations[0].forecaster})
    names = list(dict.fromkeys(one.forecaster.name for one in configurations))
    with opened_comparison(artifact, source, config, reporter, executor, names) as work:
        return _Ranking(work, ranking, configurations, overwrite).run()


@dataclass(frozen=True)
class _Ranking:
    """One ranking, its steps in order."""

    work: EvaluationWork
    ranking: RankConfig
    configurations: tuple[Configuration, ...]
    overwrite: bool

    def run(self) -> Ranking:
        if self.ranking.track == "with_base" and self.work.dataset.fitted_base is None:
            raise ConfigError(
                "the data set has no base, so networks forecast alone; rank on the track "
                "network_alone"
            )
        store = self._store()
        names = self._trained_on()
        first = [name for name in names if name != EQUAL_SECONDS]
        last = [name for name in names if name == EQUAL_SECONDS]
        trainings = len(names) * len(self.configurations) * self._evaluation.repeats
        self.reporter.begin("ranking", trainings)
        # Full training first, as it takes the longest; how far equal seconds go is known last.
        done = self._run([t for n in first for t in self._tasks(n)], store)
        equal = [t for n in last for t in self._tasks(n, self._equal_epochs(done))]
        done |= self._run(equal, store)
        order = [*(n for n in names if n != FULL), FULL]
        result = Ranking(
            ranked=rank_all(
                list(done.values()),
                self.configurations,
                order,
                {name: self._ahead(name) for name in order},
                self.ranking.resamples,
                self.work.config.seed,
                self.ranking.finalists,
            ),
            configurations=self.configurations,
            cells=tuple(done[task.key] for name in order for task in self._tasks(name)),
            track=self.ranking.track,
            seed=self.work.config.seed,
            repeats=self._evaluation.repeats,
            finalists=self.ranking.finalists,
            source=self.work.comparison.data.material.source.description.source,
        )
        if store is not None:
            self._write(store, result)
        return result

    @property
    def reporter(self) -> Reporter:
        """Told of progress; says how far the work is where nothing else is said."""
        return self.work.comparison.reporter

    @property
    def _evaluation(self) -> EvaluationConfig:
        return self.work.config.evaluation

    def _store(self) -> RankStore | None:
        if self.work.folder is None:
            return None
        store = RankStore(self.work.folder)
        if self.overwrite:
            store.move_aside()
        store.begin(self._deciding())
        return store

    def _deciding(self) -> dict[str, Any]:
        """What decides all trainings alike; a change of it makes others of them."""
        evaluation = self._evaluation.model_dump(mode="json")
        # Epochs are each task's own: full training, the costly part, is kept where they change.
        left_out = (*UNUSED, "epochs", "repeats", "graph", "graph_kind")
        source = self.work.comparison.data.material.source
        graph = source.windows.graph
        return {
            "data set": self.work.judged,
            "readings": source.description.hash,
            "track": self.ranking.track,
            "seed": self.work.config.seed,
            "worker.threads": self.work.config.worker.threads,
            "evaluation": {k: v for k, v in evaluation.items() if k not in left_out},
            **({} if graph is None else {"graph": graph.digest()}),
        }

    def _trained_on(self) -> list[str]:
        names = [FULL, *self.ranking.trained_on]
        if self.work.dataset.teacher is not None:
            return names
        lost = [name for name in names if row_of(name).needs_teacher]
        if lost:
            self.reporter.say(f"the data set has no teacher; left out: {', '.join(lost)}")
        left = [name for name in names if name not in lost]
        if left == [FULL]:
            raise ConfigError(
                f"the data set has no teacher, so nothing is left of {', '.join(lost)} to rank by; "
                "name others in rank.trained_on"
            )
        return left

    def _tasks(
        self, trained_on: str, epochs: Mapping[CellKey, int] | None = None
    ) -> list[CellTask]:
        seed, found = self.work.config.seed, []
        row = row_of(trained_on)
        short = None if trained_on == FULL else row.budget(self._evaluation)[0].epochs
        for repeat in range(self._evaluation.repeats):
            for one in self.configurations:
                key = trained_on, one.name, repeat
                found.append(
                    CellTask(
                        name=f"{one.name}, {look_of(trained_on).title}, repeat {repeat + 1}",
                        trained_on=trained_on,
                        row=row,
                        configuration=one,
                        track=self.ranking.track,
                        repeat=repeat,
                        # Who searches draws the data once, for all configurations.
                        draw_seed=derive_seed(seed, "rank data", repeat),
                        seed=derive_seed(seed, "rank", trained_on, one.name, repeat),
                        threads=self.work.config.worker.threads,
                        epochs=short if epochs is None else epochs[key],
                    )
                )
        return found

    def _equal_epochs(self, done: Mapping[CellKey, Cell]) -> dict[CellKey, int]:
        """Distilling counts once for all: a share of it, and what the training itself took."""
        if EQUAL_SECONDS not in self.ranking.trained_on:
            return {}
        share = (self._ahead(DISTILLED) - self._ahead(SAMPLED)) / len(self.configurations)
        return {
            (EQUAL_SECONDS, one.name, repeat): equal_seconds_epochs(
                done[DISTILLED, one.name, repeat], done[SAMPLED, one.name, repeat], share
            )
            for one in self.configurations
            for repeat in range(self._evaluation.repeats)
        }

    def _run(self, tasks: Sequence[CellTask], store: RankStore | None) -> dict[CellKey, Cell]:
        known = {task.key: None if store is None else store.kept(task) for task in tasks}
        done = {key: cell for key, cell in known.items() if cell is not None}
        if done:
            self.reporter.say(f"{len(done)} of {len(tasks)} trainings were done before")
            self.reporter.advance(len(done))
        missing = {task.key: task for task in tasks if task.key not in done}

        def finished(cell: Cell) -> None:
            if store is not None:
                store.keep(missing[cell.key], cell)
            self.reporter.advance()
            error = cell.failed or f"validation relative RMSE {cell.validation:.4f}"
            self.reporter.say(f"{missing[cell.key].name}: {error}, {cell.seconds:.1f} s")

        executor = self.work.comparison.executor
        for cell in executor.run(run_cell, list(missing.values()), finished):
            done[cell.key] = cell
        return done

    def _ahead(self, trained_on: str) -> float:
        """Seconds that data cost before the first training: in distilling, by its manifest."""
        manifest = self.work.dataset.manifest
        known = {name: record.seconds for name, record in manifest.stages.items()}
        if trained_on == DISTILLED:
            return manifest.distill_seconds()
        # On its track every row but the random subset, which fits one of its own, has the base.
        based = self.ranking.track == "with_base" and trained_on != "random_subset"
        stages = ["base"] if based else []
        if row_of(trained_on).needs_teacher:
            stages = ["base", "teacher"]  # the teacher is trained on top of the base
        if trained_on == "centroid":
            stages = [*stages, "cluster"]
        return float(sum(known.get(name, 0.0) for name in stages))

    def _write(self, store: RankStore, result: Ranking) -> None:
        from stemdist_ray.report.ranking import rank_scatter

        executions = [asdict(record) for record in self.work.executed()]
        store.write(result, self.work.judged, rank_scatter(result).png, executions)
        self._track(store, result)

    def _track(self, store: RankStore, result: Ranking) -> None:
        """Log measures, costs and files to a run under the data set's own."""
        config, manifest, folder = self.work.config, self.work.dataset.manifest, self.work.folder
        assert folder is not None
        tracker = run_tracker(config.tracking, folder)
        evaluation = {k: v for k, v in self._deciding().items() if k != "data set"}
        tracker.start(
            RunDescription(
                name=f"{folder.name} ranking",
                params={
                    "repeats": result.repeats,
                    "configurations": len(result.configurations),
                    **flatten(evaluation),
                },
                tags={"stemdist.job": "rank", "stemdist.source": manifest.source.source},
                parent_run_id=manifest.tracking_run_id,
            )
        )
        with ended(tracker):
            for name, one in result.ranked.items():
                numbers = {f"{name}.{m}": v.value for m, v in one.measures.items()}
                numbers |= {
                    f"{name}.seconds": one.seconds,
                    f"{name}.finalist_seconds": one.finalist_seconds,
                    f"{name}.regret_per_second_saved": one.regret_per_second_saved,
                }
                tracker.log_metrics({k: v for k, v in numbers.items() if v == v})
            for path in (store.result, store.table, store.page, store.figure):
                tracker.log_artifact(path)
