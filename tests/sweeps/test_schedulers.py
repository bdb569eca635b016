from types import SimpleNamespace

import pytest
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.records import TrialRecord
from stemdist_ray.sweeps.schedulers import create_scheduler
from stemdist_ray.sweeps.trial import TRIAL


class Trial(SimpleNamespace):
    __hash__ = object.__hash__


CONTROLLER = SimpleNamespace(get_live_trials=lambda: [])


def play(scheduler, runs, names):
    """Report errors round by round, all trials in turn; who is stopped when."""
    trials = {
        n: Trial(trial_id=f"tune-{n}", status="RUNNING", config={TRIAL: {"id": n}}) for n in names
    }
    for trial in trials.values():
        scheduler.on_trial_add(CONTROLLER, trial)
    stopped = {}
    for number in range(20):
        for name, trial in trials.items():
            errors = dict(runs[name])
            if name in stopped or number not in errors:
                continue
            result = {"round": number, "error": errors[number]}
            if scheduler.on_trial_result(CONTROLLER, trial, result) == TrialScheduler.STOP:
                stopped[name] = number
                scheduler.on_trial_complete(CONTROLLER, trial, result)
            elif number == max(errors):
                scheduler.on_trial_complete(CONTROLLER, trial, result)
    return stopped


def runs():
    """Twelve trials; every one ends a little worse than the one before, or better."""
    return {
        f"t{i}": [(r, 1.0 / (r + 1) + ((7 * i) % 12) / 10) for r in range(10)] for i in range(12)
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [("asha", ASHAScheduler), ("median", MedianStoppingRule), ("none", FIFOScheduler)],
)
def test_schedulers(name, kind):
    assert isinstance(create_scheduler(SearchConfig(scheduler=name), rounds=3), kind)


@pytest.mark.parametrize("name", ["asha", "median"])
def test_decisions_after_going_on_are_those_without_an_interruption(name):
    search, all_runs = SearchConfig(scheduler=name, grace_rounds=2), runs()
    names = list(all_runs)
    straight = create_scheduler(search, 10)
    early = play(straight, all_runs, names[:6])
    late = play(straight, all_runs, names[6:])
    records = [
        TrialRecord(
            n, i, {}, status="stopped" if n in early else "finished",
            history=tuple(h for h in all_runs[n] if h[0] <= early.get(n, 99)),
        )
        for i, n in enumerate(names[:6], 1)
    ]  # fmt: skip
    again = play(create_scheduler(search, 10, records), all_runs, names[6:])
    assert again == late
    assert late
    assert late != play(create_scheduler(search, 10), all_runs, names[6:])


def test_a_trial_that_goes_on_counts_once():
    search = SearchConfig(scheduler="asha", grace_rounds=2)
    history = tuple((r, 0.5) for r in range(3))
    record = TrialRecord("t", 1, {}, history=history)
    scheduler = create_scheduler(search, 10, [record])
    scheduler.on_trial_add(CONTROLLER, Trial(trial_id="new", config={TRIAL: {"id": "t"}}))
    rungs = dict(scheduler._brackets[0]._rungs)
    assert {milestone: len(known) for milestone, known in rungs.items()}[2] == 1


def test_failed_trials_count_as_far_as_they_came():
    search = SearchConfig(scheduler="median", grace_rounds=1)
    failed = TrialRecord("t", 1, {}, status="failed", history=((0, 0.5), (1, 0.4)))
    scheduler = create_scheduler(search, 10, [failed, TrialRecord("u", 2, {}, status="failed")])
    assert [len(results) for results in scheduler._results.values()] == [2]
