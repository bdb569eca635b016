from jobs.benchmarks.rounds import GBA, PLAIN, RoundCase, run_round
from stemdist_ray.forecasters import FORECASTERS
from stemdist_ray.progress import SilentReporter
from tests.conftest import TINY

TWIN = "tests.reference.mtgnn:plain_twin"


def test_the_round_that_matters():
    assert "locations=2352" in GBA.source
    assert GBA.layer["num_shards"] == 4


def test_a_small_round():
    mtgnn = {"channels": 8, "skip_channels": 8, "end_channels": 8, "top_k": 4}
    layer = {
        **TINY,
        "rounds": 1,
        "base": "none",
        "forecaster": {"name": "mtgnn", "options": mtgnn},
        "matching": {**TINY["matching"], "real": "clusters"},
    }
    case = RoundCase("sim:traffic?locations=20,steps=300", layer, task_steps=1)
    try:
        result = run_round(case, TWIN, 1, SilentReporter())
        assert PLAIN in FORECASTERS
    finally:
        FORECASTERS._entries.pop(PLAIN, None)
    assert list(result.stages) == ["read", "cluster", "start workers", "round"]
    assert 0 < result.round_seconds <= result.stages["round"]["seconds"] + 0.001
    assert result.worker_peak_mib > 50
    assert min(result.task.fast, result.task.slow, result.task.ratio) > 0
    assert result.shard == "9 windows x 3 locations, subsets of 1"
