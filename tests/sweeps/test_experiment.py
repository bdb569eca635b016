import pickle

import optuna
import pytest
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule

from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.experiment import Proposal, _scheduler, _searcher
from stemdist_ray.sweeps.space import SearchSpace


@pytest.mark.parametrize(
    ("name", "kind"),
    [("asha", ASHAScheduler), ("median", MedianStoppingRule), ("none", FIFOScheduler)],
)
def test_schedulers(name, kind):
    assert type(_scheduler(SearchConfig(scheduler=name), rounds=3)) is kind


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
@pytest.mark.parametrize("objectives", [("error",), ("error", "bytes")])
def test_searchers_propose_points(name, objectives):
    search = SearchConfig(searcher=name, objectives=objectives, trials=8)
    searcher = _searcher(search, SearchSpace(search, "standard", {}))
    for number in range(8):
        point = searcher.suggest(str(number))
        assert set(point) == {"spatial_ratio", "temporal_ratio"}
        result = {"error": point["spatial_ratio"], "bytes": 1 / point["temporal_ratio"]}
        searcher.on_trial_complete(str(number), result)


def test_a_proposal_adds_what_a_budget_leaves_and_can_be_pickled():
    search = SearchConfig(budget=0.01)
    proposal = pickle.loads(pickle.dumps(Proposal(SearchSpace(search, "standard", {}))))
    trial = optuna.create_study().ask()
    added = proposal(trial)
    assert set(trial.params) == {"spatial_ratio"}
    assert added["temporal_ratio"] * trial.params["spatial_ratio"] == pytest.approx(0.01)
