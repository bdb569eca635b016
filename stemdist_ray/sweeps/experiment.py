"""Ray Tune itself: searcher, scheduler, placement, and going on with an experiment."""

from __future__ import annotations

import os
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from stemdist_ray.sweeps.callback import SweepCallback
from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.monitor import SweepMonitor
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.resources import TrialPlan
from stemdist_ray.sweeps.space import Point, SearchSpace
from stemdist_ray.sweeps.trial import POINT, SharedSweep, run_trial

# Our own records take the place of Tune's loggers; Ctrl-C is ours; trials stay in their folder.
_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def run_experiment(
    store: SweepStore,
    search: SearchConfig,
    space: SearchSpace,
    shared: SharedSweep,
    points: list[Point] | None,
    plan: TrialPlan,
    rounds: int,
    monitor: SweepMonitor,
) -> None:
    """Run all trials; where the experiment was begun before, those that are missing.

    Args:
        store: Files of the sweep.
        search: Searcher, scheduler, failures.
        space: For searchers that propose points.
        shared: What all trials share.
        points: Points known beforehand, None = the searcher proposes them.
        plan: Placement.
        rounds: Of a trial that is not stopped early.
        monitor: Is told what happens.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Pickled once into the object store; trials map it.
    trainable = tune.with_resources(
        tune.with_parameters(run_trial, shared=shared),
        tune.PlacementGroupFactory(list(plan.bundles), strategy="PACK"),
    )
    SweepCallback.live[store.folder] = monitor
    try:
        path = str(store.experiment)
        if tune.Tuner.can_restore(path):
            tuner = tune.Tuner.restore(path, trainable=trainable, resume_unfinished=True)
        else:
            tuner = _new_tuner(store, search, space, points, plan, rounds, trainable)
        tuner.fit()
    finally:
        del SweepCallback.live[store.folder]


def _new_tuner(
    store: SweepStore,
    search: SearchConfig,
    space: SearchSpace,
    points: list[Point] | None,
    plan: TrialPlan,
    rounds: int,
    trainable: Any,
) -> tune.Tuner:
    return tune.Tuner(
        trainable,
        param_space=None if points is None else {POINT: tune.grid_search(points)},
        tune_config=tune.TuneConfig(
            num_samples=search.trials if points is None else 1,
            max_concurrent_trials=plan.concurrent,
            search_alg=None if points is not None else _searcher(search, space),
            scheduler=_scheduler(search, rounds),
        ),
        run_config=tune.RunConfig(
            name=store.experiment.name,
            storage_path=str(store.folder),
            failure_config=tune.FailureConfig(max_failures=search.max_failures),
            callbacks=[SweepCallback(store.folder, rounds)],
            verbose=0,
        ),
    )


def _searcher(search: SearchConfig, space: SearchSpace) -> OptunaSearch:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler: optuna.samplers.BaseSampler
    if search.searcher == "nsga2":
        population = max(4, min(50, search.trials // 4))
        sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=search.seed)
    else:
        first = max(4, min(10, search.trials // 3))
        sampler = optuna.samplers.TPESampler(n_startup_trials=first, seed=search.seed)
    return OptunaSearch(
        Proposal(space),
        metric=list(search.objectives),
        mode=["min"] * len(search.objectives),
        sampler=sampler,
    )


class Proposal:
    """Draws a point from a trial of Optuna; an object, so that it is pickled with the searcher.

    Args:
        space: What to draw from.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def __call__(self, trial: Any) -> Point:
        """Return what the point holds beyond what was drawn: what follows from a budget."""
        point = self.space.draw(trial)
        return {name: value for name, value in point.items() if name not in trial.params}


def _scheduler(search: SearchConfig, rounds: int) -> TrialScheduler:
    if search.scheduler == "none":
        return FIFOScheduler()
    by_error = {"time_attr": "round", "metric": "error", "mode": "min"}
    if search.scheduler == "median":
        return MedianStoppingRule(grace_period=search.grace_rounds, **by_error)
    return ASHAScheduler(
        # A trial that reaches its last round ends by itself, after its data are written.
        max_t=rounds + 1,
        grace_period=min(search.grace_rounds, rounds + 1),
        reduction_factor=search.reduction_factor,
        **by_error,
    )
