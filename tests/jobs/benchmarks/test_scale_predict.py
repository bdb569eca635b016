import pytest

from jobs.benchmarks.scale_fit import Cost, Costs
from jobs.benchmarks.scale_model import Machines
from jobs.benchmarks.scale_plan import SECONDS
from jobs.benchmarks.scale_predict import (
    GPU_SECONDS,
    SCENARIOS,
    Scenario,
    largest,
    on_gpus,
    predict,
    shards_for,
    workload,
)

SMALL = Scenario("small", 2_352, 2_000, 288)
CPU = Costs({label: Cost({"one": 1.0}) for label in SECONDS})


def costs(**more):
    return Costs({**CPU.seconds}, **more)


@pytest.mark.parametrize(
    ("workers", "clusters", "shards"),
    [
        (8, 860, 8),
        (64, 860, 64),
        (512, 860, 86),
        (8, 100_000, 632),
        (512, 100_000, 1024),
        (4, 3, 1),
    ],
)
def test_shards_follow_the_workers_within_bounds(workers, clusters, shards):
    assert shards_for(workers, clusters) == shards


def test_seconds_of_a_gpu_are_those_measured_where_they_were():
    load = workload(SMALL, 4, 1)
    sizes, found = load.sizes(), on_gpus(CPU).seconds
    assert load.config.num_shards == 4
    assert 4 * found["shard"](sizes) + 4 * found["refine"](sizes) == pytest.approx(10.4, rel=0.1)
    assert 2 * found["member"](sizes) == pytest.approx(17.2, rel=0.1)
    assert found["clustering"] is CPU.seconds["clustering"]
    assert set(GPU_SECONDS) <= set(SECONDS)


def test_more_gpus_are_faster_until_the_driver_binds():
    free, busy = Machines(1), Machines(1, send_seconds=0.5, receive_seconds=0.5)
    few, more, most = (predict(SCENARIOS[1], g, 1, CPU, free).round_parts for g in (8, 64, 512))
    assert few["shard"] > 5 * more["shard"] > 5 * 4 * most["shard"]
    assert few["evaluator"] == pytest.approx(
        most["evaluator"]
    )  # two of them, however many GPUs there are
    bound = predict(SCENARIOS[1], 512, 1, CPU, busy)
    assert bound.round_seconds > 2000  # 1,024 shard and 1,024 refine tasks, a second each
    assert next(iter(bound.round_parts)) == "messages"
    assert bound.round_efficiency < 0.5


def test_parts_add_up_and_name_what_they_are():
    gaps = {"evaluator > shard": Cost({"one": 3.0}), "begin > share nothing": Cost({"one": 5.0})}
    own = costs(gaps=gaps, shared={"share real": Cost({"one": 1e9})})
    machines = Machines(1, copy_bytes_per_second=1e9, network_bytes_per_second=1e9)
    found = predict(SMALL, 8, 2, own, machines)
    assert sum(found.parts.values()) == pytest.approx(found.seconds)
    assert sum(found.round_parts.values()) == pytest.approx(found.round_seconds)
    assert found.parts["read and scale"] == 5.0
    assert found.parts["put shared data"] == pytest.approx(1.0)
    assert found.parts["merge, cut, checkpoint"] == 3.0
    assert found.shared_gib == pytest.approx(1e9 / 2**30)  # 8 GPUs are one machine
    assert found.whole_refine_seconds > 0


def test_one_refine_task_costs_more_on_large_data():
    found = predict(SCENARIOS[1], 512, 1, CPU, Machines(1))
    assert found.whole_refine_seconds > found.round_seconds + 100


def test_in_words():
    assert largest({"shard": 6.0, "messages": 3.0, "put": 1.0}, 2) == "shard 60%, messages 30%"
    assert largest({}) == ""
