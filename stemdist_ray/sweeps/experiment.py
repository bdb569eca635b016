"""Ray Tune itself: searcher, scheduler, placement, and going on with an experiment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

from ray import tune

from stemdist_ray.sweeps.callback import SweepCallback
from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.monitor import SweepMonitor
from stemdist_ray.sweeps.proposals import create_proposer
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.resources import TrialPlan
from stemdist_ray.sweeps.schedulers import create_scheduler
from stemdist_ray.sweeps.searcher import RecordedSearch
from stemdist_ray.sweeps.space import Point, SearchSpace

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
    run_trial: Callable[[dict[str, Any], Any], None],
    shared: object,
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
        run_trial: What a trial does, given what it is told and ``shared``.
        shared: What all trials share.
        points: Points known beforehand, None = the searcher proposes them.
        plan: Placement.
        rounds: Of a trial that is not stopped early.
        monitor: Is told what happens.

    Raises:
        ArtifactError: The records are not those of this sweep.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    records = store.records()
    planned = search.trials if points is None else len(points)
    missing = planned - sum(r.status != "running" for r in records)
    searcher = RecordedSearch(create_proposer(search, space, points), search.objectives, records)
    if missing <= 0:
        return
    # Pickled once into the object store; trials map it.
    trainable = tune.with_resources(
        tune.with_parameters(run_trial, shared=shared),
        tune.PlacementGroupFactory(list(plan.bundles), strategy="PACK"),
    )
    SweepCallback.live[store.folder] = monitor
    # Tune's own files are pickles, and Tune reads some of them back while it runs. They are kept
    # where nobody else can write, and go with the driver.
    private = tempfile.TemporaryDirectory(prefix="stemdist-tune-", ignore_cleanup_errors=True)
    try:
        with private as folder:
            tune.Tuner(
                trainable,
                tune_config=tune.TuneConfig(
                    num_samples=missing,
                    max_concurrent_trials=plan.concurrent,
                    search_alg=searcher,
                    scheduler=create_scheduler(search, rounds, records),
                ),
                run_config=tune.RunConfig(
                    name="tune",
                    storage_path=folder,
                    failure_config=tune.FailureConfig(max_failures=search.max_failures),
                    callbacks=[SweepCallback(store.folder, rounds)],
                    verbose=0,
                ),
            ).fit()
    finally:
        del SweepCallback.live[store.folder]
