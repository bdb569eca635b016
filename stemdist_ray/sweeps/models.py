"""A search for models: trials train on distilled data, the winner is trained on everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.sweep_files import RESULTS_VERSION
from stemdist_ray.config import (
    DistillConfig,
    TrainConfig,
    describe_validation_error,
    merge_layers,
)
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.session import registered_by_user
from stemdist_ray.forecasters import takes_graph
from stemdist_ray.pipeline.evaluate_job import opened_comparison
from stemdist_ray.pipeline.register import check_register
from stemdist_ray.pipeline.train_job import TrainResult, train_forecaster
from stemdist_ray.progress import SilentReporter
from stemdist_ray.sweeps.config import ModelsConfig
from stemdist_ray.sweeps.finish import SweepResult, rows_of_trials
from stemdist_ray.sweeps.model_space import ModelSpace
from stemdist_ray.sweeps.records import TrialRecord
from stemdist_ray.sweeps.resources import TrialPlan
from stemdist_ray.sweeps.sweep import Sweep
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.files import write_csv
from stemdist_ray.system.seal import write_sealed
from stemdist_ray.tracking.base_class import Tracker
from stemdist_ray.tracking.mlflow import tracking_uri

_WINNERS = ("forecaster", "data", "base")  # sections that the winner and the data set decide
_BUDGET = ("learning_rate", "averaging", "warmup_steps")
_GRAPH = ("graph", "graph_kind")  # one for all trials, and for a winner that takes one


@dataclass(frozen=True)
class ModelSearch(Sweep):
    """One search for models, its steps in order; the trials are placed as those of any sweep."""

    @property
    def models(self) -> ModelsConfig:
        """What was asked for besides a sweep."""
        assert self.sweep.models is not None
        return self.sweep.models

    def check(self) -> None:
        """Find out before the first trial whether the winner can be trained and registered.

        Raises:
            ConfigError: Settings of its training are unknown, or the winner's to decide.
            ExecutionError: It is to be registered and tracking is off.
        """
        given = [name for name in _WINNERS if name in self.models.train]
        training = self.models.train.get("training")
        own = training if isinstance(training, Mapping) else {}
        given += [f"training.{name}" for name in (*_BUDGET, *_GRAPH) if name in own]
        if given:
            raise ConfigError(
                f"models.train: {', '.join(given)} follow from the data set and the winner; leave "
                "them out"
            )
        dataset = SyntheticDataset.load(self.models.distilled)
        if self.models.track == "with_base" and dataset.fitted_base is None:
            raise ConfigError(
                f"{self.models.distilled} has no base, so networks forecast alone; search on the "
                "track network_alone"
            )
        check_register(self._training_of(self.base), self.models.register_as)

    def _training_of(self, config: DistillConfig) -> TrainConfig:
        """How a point is trained on everything."""
        tracking = config.tracking.model_dump(mode="json")
        if config.tracking.enabled:
            # In the store of the sweep, not in one beside the winner.
            tracking["uri"] = tracking_uri(config.tracking, self.store.folder.parent)
        graph = _GRAPH if takes_graph(config.forecaster.name) else ()
        settled = {
            "forecaster": config.forecaster.model_dump(mode="json"),
            "data": config.data.model_dump(mode="json"),
            "base": config.base if self.models.track == "with_base" else "none",
            "training": {name: getattr(config.evaluation, name) for name in (*_BUDGET, *graph)},
        }
        shared = {"seed": config.seed, "tracking": tracking}
        try:
            return TrainConfig.model_validate(merge_layers(shared, self.models.train, settled))
        except ConfigError as error:
            raise ConfigError(f"models.train: {error}") from error
        except ValidationError as error:
            text = describe_validation_error(error).removeprefix("configuration: ")
            raise ConfigError(f"models.train: {text}") from error

    def _announce(self, planned: int, plan: TrialPlan) -> None:
        search = self.sweep.search
        self.reporter.say(
            f"{planned} models, {plan.concurrent} at a time, each trained on "
            f"{self.models.distilled}; {search.searcher} search, scheduler {search.scheduler}"
        )

    def _trial(self, plan: TrialPlan) -> tuple[Callable[[dict[str, Any], Any], None], object]:
        from stemdist_ray.sweeps.model_trial import SharedModels, run_model_trial

        assert isinstance(self.space, ModelSpace)
        dataset = SyntheticDataset.load(self.models.distilled)
        quiet = self.base.tracking.model_copy(update={"enabled": False})
        config = self.base.model_copy(update={"tracking": quiet})
        with opened_comparison(
            dataset, self.prepared, config, SilentReporter(), None, self.space.forecasters()
        ) as work:
            data = work.comparison.data
        shared = SharedModels(
            self.store.folder, data, self.space, self.models.track, registered_by_user()
        )
        return run_model_trial, shared

    def _finish(self, tracker: Tracker) -> SweepResult:
        """Train the winner on everything, and write the table."""
        records = [r for r in self.store.records() if r.metrics and r.status != "failed"]
        order = sorted(records, key=lambda record: record.metrics["error"])
        best = order[0]
        self.reporter.say(
            f"trial {best.number} validates best ({best.metrics['error']:.4f}); training it on "
            "everything"
        )
        winner = self.store.folder / "winner"
        trained = train_forecaster(
            self.prepared,
            winner,
            self._training_of(self._settings(best.point)),
            register_as=self.models.register_as,
            resume=winner.exists(),  # a search that was interrupted while it trained goes on
            reporter=self.reporter,
        )
        result = SweepResult(
            path=self.store.folder,
            trials=tuple(self.store.records()),
            front=tuple(order),
            chosen=(),
            best=best,
            run_id=tracker.run_id,
            trained=trained,
        )
        self._write(result, trained)
        tracker.log_metrics(
            {
                "best_validation_relative_rmse": best.metrics["error"],
                "winner_test_relative_rmse": trained.test.relative_rmse,
                "trials": len(result.trials),
                "failed_trials": sum(r.status == "failed" for r in result.trials),
            }
        )
        for path in (self.store.settings, self.store.results, self.store.trials_csv):
            tracker.log_artifact(path)
        return result

    def _write(self, result: SweepResult, trained: TrainResult) -> None:
        write_csv(self.store.trials_csv, rows_of_trials(result.trials))
        write_sealed(self.store.results, self._tree(result.trials, result.best, trained))

    def _tree(
        self, trials: tuple[TrialRecord, ...], best: TrialRecord, trained: TrainResult
    ) -> dict[str, Any]:
        return {
            "version": RESULTS_VERSION,
            "kind": "models",
            "source": self.prepared.description.to_json(),
            "distilled": str(self.models.distilled),
            "track": self.models.track,
            "best": best.id,
            "winner": {
                "validation_relative_rmse": trained.validation,
                "test_relative_rmse": trained.test.relative_rmse,
                "train_seconds": trained.train_seconds,
                "registered": trained.model_uri,
            },
            "trials": [asdict(record) for record in trials],
            "versions": package_versions(),
            "hardware": hardware(),
        }
